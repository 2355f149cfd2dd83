-- Catches a channel that is made twice or taken from its maker, one that takes whom it must not, and a character in more than it may be in.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :b, 'Kim') as kim \gset
create function pg_temp.code(p_session bigint, p_rest jsonb) returns text language sql as $$
  select orrery_test.refusal(format('select orrery_test.chat_one(''chat_join'', %s, %L)', p_session, p_rest)) ->> 'code' $$;
select is(pg_temp.code(:kim, '{"name":"Miners"}'), 'OR001', 'there is none yet');
select orrery_test.chat_one('chat_join', :ann, '{"name":"Miners","create":true}') #>> '{channel,channel_id}' as miners \gset
select is(orrery_test.chat_one('chat_join', :ann, '{"name":"miners","create":true}') #>> '{channel,channel_id}', :'miners', 'made again it is the same');
select is(pg_temp.code(:kim, '{"name":"MINERS","create":true}'), 'OR008', 'nobody else makes one of that name');
select is(pg_temp.code(:kim, jsonb_build_object('name', 'Kims')), 'OR001', 'what is not made cannot be joined');
select is(orrery_test.chat_one('chat_join', :kim, '{"name":"miners"}') -> 'channel', jsonb_build_object('channel_id', :miners::bigint, 'kind', 'created', 'name', 'Miners', 'last', 0), 'joined, by another server');
select orrery_test.chat_one('chat_join', :kim, '{"name":"miners"}');
select is((select count(*) from orrery.chat_member where channel_id = :miners), 2::bigint, 'once each');
select is(orrery_test.chat_said(:kim, :miners, 1, 'dig'), 1::bigint, 'who is in it speaks there');
select is((select array_agg(pg_temp.code(:ann, jsonb_build_object('name', n))) from unnest(array['', ' a', 'a ', repeat('a', 33), E'a\tb', null]) n), array_fill('OR003'::text, array[6]), 'no names');
update orrery.setting set value = 2 where name = 'chat_created_max';
select orrery_test.chat_one('chat_join', :ann, '{"name":"two","create":true}');
select is(pg_temp.code(:ann, '{"name":"three","create":true}'), 'OR006', 'not more than one may make');
select is(pg_temp.code(:ann, '{"name":"two","create":true}'), null, 'what one made already is none more');
update orrery.setting set value = 1 where name = 'chat_channels_max';
select is(pg_temp.code(:kim, '{"name":"two"}'), 'OR006', 'nor in more than one may be');
select is(orrery_test.answer(:b, 'chat_join', quote_literal(jsonb_build_array(orrery_test.chat_entry(:kim, '{"name":"kims","create":true}')))) #>> '{0,error,code}', 'OR006', 'of his own neither');
select is((select count(*) from orrery.chat_channel where kind = 'created'), 2::bigint, 'which is not made then: nobody would be in it');
select is(pg_temp.code(:kim, '{"name":"miners"}'), null, 'where one is already');
select is(pg_temp.code(:kim, '{"name":"miners","epoch":1}'), 'OR007', 'under an epoch that is over');
select is((select array_agg(e.value #>> '{error,code}') from jsonb_array_elements(orrery_test.answer(:a, 'chat_join', '''[5, null, {"name":"x"}]''')) e), array['OR007', 'OR007', 'OR007'], 'what makes no sense');
select is(orrery_test.answer(:a, 'chat_join', '''[]'''), '[]', 'nothing of nothing');
select * from finish();
rollback;

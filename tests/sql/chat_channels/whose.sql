-- Catches a session in a space that its character has left, without a channel that it joined, or in another's.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :a, 'Kim', 'velo-2') as kim \gset
create function pg_temp.of(p_session bigint) returns text[] language sql as $$
  select array_agg(format('%s %s', c.value ->> 'kind', case when c.value ->> 'kind' <> 'direct' then c.value ->> 'name' end) order by c.value ->> 'kind', c.value ->> 'name')
  from jsonb_array_elements(orrery_test.chat_one('chat_channels', p_session, '{}') -> 'channels') c $$;
select is(pg_temp.of(:ann), array['cluster t', 'direct ', 'space grid aldra-1'], 'everybody is in three');
select is(pg_temp.of(:kim), array['cluster t', 'direct ', 'space grid velo-2'], 'each in its own space');
select orrery_test.chat_one('chat_join', :ann, '{"name":"Miners","create":true}');
select is(pg_temp.of(:ann), array['cluster t', 'created Miners', 'direct ', 'space grid aldra-1'], 'and in what it joined');
update orrery."character" set key = 'velo-2' where name = 'Ann';
select is(pg_temp.of(:ann), array['cluster t', 'created Miners', 'direct ', 'space grid velo-2'], 'its space is where it is');
select is(orrery_test.chat_in(:ann, 'space'), orrery_test.chat_in(:kim, 'space'), 'who is there is in one');
select is(orrery_test.chat_in(:ann, 'cluster'), orrery_test.chat_in(:kim, 'cluster'), 'everybody is in one');
select isnt(orrery_test.chat_in(:ann, 'direct'), orrery_test.chat_in(:kim, 'direct'), 'each has its own');
select is((select count(*) from orrery.chat_channel), 6::bigint, 'asking again makes none');
select is(orrery_test.refusal(format('select orrery_test.one(%s, ''chat_channels'', orrery_test.chat_entry(%s, ''{}''))', :b, :ann)) ->> 'code', 'OR007', 'not of another chat server''s');
select is(orrery_test.refusal(format('select orrery_test.one(%s, ''chat_channels'', ''{"session_id":"x"}'')', :a)) ->> 'code', 'OR003', 'what makes no sense');
select is(orrery_test.answer(:a, 'chat_channels', '''[]'''), '[]', 'nothing of nothing');
select * from finish();
rollback;

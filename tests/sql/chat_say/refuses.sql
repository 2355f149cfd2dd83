-- Catches what is said where one is not, by one who may not, or of a form that breaks a reader.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :a, 'Kim', 'velo-2') as kim \gset
select orrery_test.chat_in(:ann, 'cluster') as everybody, orrery_test.chat_in(:ann, 'space') as anns_space, orrery_test.chat_in(:kim, 'direct') as kims_own \gset
create function pg_temp.said(p_session bigint, p_rest jsonb) returns jsonb language sql as $$
  select orrery_test.refusal(format('select orrery_test.chat_one(''chat_say'', %s, %L)', p_session, '{"message_id":1,"text":"x"}' || p_rest)) $$;
create function pg_temp.code(p_session bigint, p_rest jsonb) returns text language sql as $$ select pg_temp.said(p_session, p_rest) ->> 'code' $$;
select is(pg_temp.code(:kim, jsonb_build_object('channel_id', :anns_space)), 'OR001', 'in a space where one is not');
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :kims_own)), 'OR001', 'in another''s own channel, without saying to whom');
select is(pg_temp.code(:ann, '{"channel_id":987654321}'), 'OR001', 'in no channel');
select is(pg_temp.said(:ann, '{"to":"Nobody"}') ->> 'message', 'there is nobody called Nobody', 'to nobody');
select orrery_test.cluster_running('u');
insert into orrery.chat_channel (cluster, kind, name, created_at) values ('u', 'cluster', 'u', now()) returning channel_id as others \gset
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :others)), 'OR001', 'in another cluster');
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :everybody, 'text', repeat('ä', 251))), 'OR003', 'too long, in bytes');
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :everybody, 'text', '')), 'OR003', 'nothing');
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :everybody, 'text', E'a\nb')), 'OR003', 'two lines');
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :everybody, 'text', 5)), 'OR003', 'no text');
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :everybody, 'message_id', 'x')), 'OR003', 'without an id');
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :everybody, 'message_id', 9223372036854775808)), 'OR003', 'nor one beyond 2^63 - 1');
select is(pg_temp.code(:ann, jsonb_build_object('channel_id', :everybody, 'epoch', 1)), 'OR007', 'under an epoch that is over');
select is((select count(*) from orrery.chat_message), 0::bigint, 'none of it was said');
select is((select sum(last_number) from orrery.chat_channel), 0::numeric, 'no number was used');
select is(orrery_test.chat_said(:ann, :everybody, 2, repeat('ä', 250)), 1::bigint, 'as long as may be');
select orrery.chat_mute('ann', 60, 'spam', p_cluster => 't');
select alike(pg_temp.said(:ann, jsonb_build_object('channel_id', :everybody)) ->> 'message', 'muted until % UTC: spam', 'who is muted is told why');
select is(pg_temp.code(:ann, '{"to":"Kim"}'), 'OR002', 'nor directly');
select is(orrery_test.chat_said(:ann, :everybody, 2, repeat('ä', 250)), 1::bigint, 'what was said before is answered as then');
select orrery_test.clock_advance('61 s');
select is(orrery_test.chat_said(:ann, :everybody, 3, 'again'), 2::bigint, 'until it is over');
select is(orrery_test.chat_said(:ann, :everybody, 9223372036854775807, 'x'), 3::bigint, 'under the highest id');
select throws_ok(format('select orrery.chat_say(%s, ''{}'')', orrery_test.me(:a)), 'OR003', null, 'no array');
select throws_ok(format('select orrery.chat_say(%s, ''[]'')', orrery_test.me(:grid)), 'OR004', null, 'not by a zone');
select is(orrery_test.answer(:a, 'chat_say', '''[]'''), '[]', 'nothing of nothing');
select * from finish();
rollback;

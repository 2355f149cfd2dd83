-- Catches a resume that begins with the wrong message, more of them than were asked for, and another cluster's channel that can be read.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann \gset
select orrery_test.chat_in(:ann, 'cluster') as everybody \gset
select orrery_test.chat_said(:ann, :everybody, n, 'm' || n) from generate_series(1, 5) n;
select is(orrery_test.chat_heard(:b, :everybody, 3), array['4 Ann: m4', '5 Ann: m5'], 'what is after, and only that');
select is(orrery_test.chat_heard(:b, :everybody, 5), '{}', 'nothing after the last');
create function pg_temp.numbers(p_chat bigint, p_entry jsonb) returns text language sql as $$
  select string_agg(m.value ->> 'number', ' ' order by m.n) from jsonb_array_elements(orrery_test.one(p_chat, 'chat_read', p_entry) -> 'messages') with ordinality m (value, n) $$;
select is(pg_temp.numbers(:a, jsonb_build_object('channel_id', :everybody, 'after', 1, 'limit', 2)), '2 3', 'the first ones of too many');
select is(pg_temp.numbers(:a, jsonb_build_object('channel_id', :everybody, 'after', null, 'limit', 2)), '4 5', 'null: the last ones');
select is(orrery_test.one(:a, 'chat_read', jsonb_build_object('channel_id', :everybody, 'after', 2, 'limit', 0)), '{"last":5,"messages":[]}', 'how many there are');
delete from orrery.chat_message where number < 3;
select is(pg_temp.numbers(:a, jsonb_build_object('channel_id', :everybody, 'after', 0, 'limit', 9)), '3 4 5', 'what was purged is left out');
select orrery_test.cluster_running('u');
select orrery_test.server_made('u', 'chat', 'a') as others \gset
select is(orrery_test.refusal(format('select orrery_test.one(%s, ''chat_read'', ''{"channel_id":%s,"after":0,"limit":9}'')', :others, :everybody)) ->> 'code', 'OR001', 'not another cluster''s');
select is((select array_agg(e.value #>> '{error,code}') from jsonb_array_elements(orrery_test.answer(:a, 'chat_read', '''[5, null, {"channel_id":"x"}, {"channel_id":1,"after":"x","limit":1}, {"channel_id":1,"after":1}]''')) e),
  array_fill('OR003'::text, array[5]), 'what makes no sense');
select throws_ok(format('select orrery.chat_read(%s, ''[]'')', orrery_test.me(:grid)), 'OR004', null, 'not by a zone');
select * from finish();
rollback;

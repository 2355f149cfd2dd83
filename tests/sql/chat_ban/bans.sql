-- Catches who is banned and still there, comes back, or whose server does not hear of it.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann, orrery_test.chatter(:login, :a, 'Kim') as kim \gset
select orrery_test.chat_one('chat_join', :ann, '{"name":"Miners","create":true}') #>> '{channel,channel_id}' as miners \gset
select orrery_test.chat_one('chat_join', :kim, '{"name":"Miners"}');
update orrery.attachment set taken = true;
delete from orrery.command where verb = 'tell';
select cmp_ok(orrery.chat_ban('kim', 'miners', 60, 'claim jumping', 't'), '>', 0::bigint, 'the event');
select is((select array_agg(character_id) from orrery.chat_member where channel_id = :miners), array[(select character_id from orrery.session where session_id = :ann)], 'out');
select is(orrery_test.refusal(format('select orrery_test.chat_said(%s, %s, 1, ''x'')', :kim, :miners)) ->> 'code', 'OR001', 'and silent');
select is((select taken from orrery.attachment where session_id = :kim), false, 'the chat server is told of the session anew');
select is((select array_agg(server_id) from orrery.command where verb = 'tell'), array[:a]::bigint[], 'at once');
select alike(orrery_test.refusal(format('select orrery_test.chat_one(''chat_join'', %s, ''{"name":"Miners"}'')', :kim)) ->> 'message', 'banned until % UTC: claim jumping', 'he does not come back');
select orrery_test.clock_advance('61 s');
select is(orrery_test.chat_one('chat_join', :kim, '{"name":"Miners"}') #>> '{channel,channel_id}', :'miners', 'until it is over');
select throws_ok('select orrery.chat_ban(''kim'', null, 60, ''x'', ''t'')', 'OR003', null, 'from nowhere');
select throws_ok('select orrery.chat_ban(''kim'', ''nothing'', 60, ''x'', ''t'')', 'OR001', null, 'from what is not');
select * from finish();
rollback;

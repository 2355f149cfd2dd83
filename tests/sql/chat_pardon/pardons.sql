-- Catches a pardon that lifts more, or less, than it says.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann \gset
select orrery_test.chat_in(:ann, 'cluster') as everybody, orrery_test.chat_one('chat_join', :ann, '{"name":"Miners","create":true}') #>> '{channel,channel_id}' as miners \gset
select orrery.chat_mute('Ann', null, 'x', p_cluster => 't'), orrery.chat_ban('Ann', 'miners', null, 'y', 't');
select lives_ok('select orrery.chat_pardon(''ann'', p_cluster => ''t'')', 'pardoned everywhere');
select is(orrery_test.chat_said(:ann, :everybody, 1, 'x'), 1::bigint, 'speaks');
select is((select count(*) from orrery.chat_penalties), 1::bigint, 'the ban stays');
select throws_ok('select orrery.chat_pardon(''ann'', p_cluster => ''t'')', 'OR002', 'Ann is neither muted nor banned everywhere', 'once');
select lives_ok('select orrery.chat_pardon(''ann'', ''Miners'', ''t'')', 'pardoned there');
select is((select count(*) from orrery.chat_penalties), 0::bigint, 'all is well');
select * from finish();
rollback;

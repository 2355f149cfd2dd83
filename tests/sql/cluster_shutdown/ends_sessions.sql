-- Catches a session that outlives its cluster.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery_test.answer(:login, 'session_open', format('%s, ''192.0.2.9:1''', :pat)) ->> 'session_id' as s \gset
select orrery.cluster_shutdown(0, 't');
select is(orrery_test.cluster_state(), 'stopping', 'no time given: it stops at once');
select isnt((select n.state from orrery.session n where n.session_id = :s), 'ended', 'the server that holds a session logs it out and saves it');
select orrery.server_exited(s.server_id, s.epoch, 'test', 'exit status 0') from orrery.server s where s.server_id in (:login, :grid) order by 1;
select is((select n.state from orrery.session n where n.session_id = :s), 'ended', 'what it left is ended when it is gone');
select is(orrery_test.cluster_state(), 'stopped', 'stopped');
select * from finish();
rollback;

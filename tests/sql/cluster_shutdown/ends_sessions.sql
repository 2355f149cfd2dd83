-- Catches a session that outlives its cluster.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery_test.opened(:login, :pat, '192.0.2.9:1') ->> 'session_id' as s \gset
-- one whose server is dead and does not come back
select orrery_test.server_made('t', 'grid', 'velo-2') as dead, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('kim', 'Kim One', 'grid', 'velo-2', 't') as one \gset
select a ->> 'session_id' as k, a ->> 'epoch' as e from orrery_test.opened(:login, :kim) a \gset
select is(orrery_test.selected(:login, :k, :e, :one) ->> 'status', 'ready', 'in play');
select orrery.server_exited(s.server_id, s.epoch, 'agent_report', 'signal 9') from orrery.server s where s.server_id = :dead;
select is((select n.state from orrery.session n where n.session_id = :k), 'orphaned', 'its server dies');
select orrery.cluster_shutdown(0, 't');
select is((select n.state || ': ' || n.reason from orrery.session n where n.session_id = :k), 'ended: shutdown', 'a session that nobody holds is ended at once');
select is(orrery_test.cluster_state(), 'stopping', 'no time given: it stops at once');
select isnt((select n.state from orrery.session n where n.session_id = :s), 'ended', 'the server that holds a session logs it out and saves it');
select orrery.server_exited(s.server_id, s.epoch, 'test', 'exit status 0') from orrery.server s where s.server_id in (:login, :grid) order by 1;
select is((select n.state from orrery.session n where n.session_id = :s), 'ended', 'what it left is ended when it is gone');
select orrery.tick();
select is(orrery_test.cluster_state(), 'stopped', 'stopped');
select * from finish();
rollback;

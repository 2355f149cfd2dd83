-- Catches players of a dead server who are logged out at once, or never; and a restarted server nobody asked for.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.server_made('t', 'grid', 'velo-2') as empty, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.selected(:login, :s, :e, :one) ->> 'status' as status \gset
select is(:'status'::text, 'ready', 'in play');
select orrery.server_exited(s.server_id, s.epoch, 'test', 'signal 9') from orrery.server s where s.server_id in (:grid, :empty) order by s.server_id;
select is((select n.state from orrery.session n where n.session_id = :s), 'orphaned', 'the session is orphaned');
select is((select s.state from orrery.server s where s.server_id = :grid), 'requested', 'its server is replaced');
select is((select s.state from orrery.server s where s.server_id = :empty), 'stopped', 'one with nobody on it is not');
select orrery_test.clock_advance('61 s');
select orrery.tick();
select is((select n.state from orrery.session n where n.session_id = :s), 'ended', 'after orphan_ms the session is ended');
select is(orrery.server_exited(s.server_id, s.epoch - 1, 'test', 'late'), false, 'a stale report is refused') from orrery.server s where s.server_id = :login;
select * from finish();
rollback;

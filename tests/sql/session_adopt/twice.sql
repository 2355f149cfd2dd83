-- Catches an adoption of sessions that are in play: epochs that change under their players, or two owners.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b']) n;
select orrery_test.died(:grid), orrery_test.back(:grid);
create temp table after as select session_id, server_id, epoch, state, state_at, payload from orrery.session;
select is(orrery.session_adopt(:grid), 0, 'none is orphaned any more');
select is(orrery.session_adopt(:grid, array(select session_id from after)), 0, 'nor of those that are named');
select set_eq('select session_id, server_id, epoch, state, state_at, payload from orrery.session', 'select * from after', 'nothing has changed');
select orrery.server_ready(:grid, (select epoch from orrery.server where server_id = :grid), 1);
select set_eq('select session_id, server_id, epoch, state, state_at, payload from orrery.session', 'select * from after', 'nor when READY is said again');
select is((select count(*) from orrery.event where noun = 'session' and rule = 'session_adopt'), 2::bigint, 'one adoption each');
-- it dies again
select orrery_test.died(:grid), orrery_test.back(:grid);
select is((select count(*) from orrery.event where noun = 'session' and rule = 'session_adopt'), 4::bigint, 'unless it dies again');
select ok(bool_and(s.epoch > a.epoch), 'their epochs grow each time') from orrery.session s join after a using (session_id);
select * from finish();
rollback;

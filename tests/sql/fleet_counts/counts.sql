-- Catches a server of a fleet that is counted twice, or not.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":4}}', 't');
select is((select orrery.fleet_counts(f) - array['cluster', 'fleet', 'kind', 'args', 'size', 'size_min', 'size_max'] from orrery.fleet f),
  '{"requested":0,"starting":0,"ready":0,"allocated":0,"failed":0,"outdated":0}'::jsonb, 'none yet');
select orrery_test.fleets_tick();
update orrery.server set state = 'ready', rule = 'test' where cluster = 't' and key in ('f-1', 'f-2');
update orrery.server set allocations = 1 where cluster = 't' and key = 'f-1';
select orrery.server_kind_set('arena', '{"args":["x"]}', 't');
select is((select orrery.fleet_counts(f) - array['args'] from orrery.fleet f), '{"cluster":"t","fleet":"f","kind":"arena","size":4,"size_min":0,"size_max":100,
  "requested":0,"starting":2,"ready":2,"allocated":1,"failed":0,"outdated":3}'::jsonb, 'by state');
select is((select (fleet, size, free, allocated, starting, waiting, failed, outdated)::text from orrery.fleet_status), ('f'::text, 4, 1, 1, 2, 0, 0, 3)::text, 'fleet_status says the same');
select * from finish();
rollback;

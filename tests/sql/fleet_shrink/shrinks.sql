-- Catches the wrong servers stopped.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":4}}', 't');
select orrery_test.fleets_tick();
update orrery.server set state = 'ready', rule = 'test' where cluster = 't' and key in ('f-1', 'f-2', 'f-3');
update orrery.server set allocations = 1 where cluster = 't' and key = 'f-3';
select is(orrery.fleet_shrink(f, 1, false, 'test'), 1::bigint, 'one') from orrery.fleet f;
select is((select key from orrery.server where cluster = 't' and state = 'stopped'), 'f-4', 'that was not ready');
select is(orrery.fleet_shrink(f, 9, true, 'test'), 0::bigint, 'none is of an earlier version') from orrery.fleet f;
select is(orrery.fleet_shrink(f, 1, false, 'test'), 1::bigint, 'one more') from orrery.fleet f;
select is((select string_agg(key, ' ' order by key) from orrery.server where cluster = 't' and state = 'ready'), 'f-1 f-3', 'the last that nobody has');
select is(orrery.fleet_shrink(f, 9, false, 'test'), 1::bigint, 'as many as there are') from orrery.fleet f;
select * from finish();
rollback;

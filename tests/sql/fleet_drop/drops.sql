-- Catches a fleet given up whose servers stay, or take somebodys server with them.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
select throws_ok($$select orrery.fleet_drop('f', 't')$$, 'OR001', null, 'no such fleet');
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":3}}', 't');
select orrery_test.fleets_tick(), orrery_test.all_ready();
update orrery.server set allocations = 1 where cluster = 't' and key = 'f-1';
select is(orrery.fleet_drop('f', 't'), 2::bigint, 'two stop');
select is((select string_agg(key || ' ' || state, ', ' order by key) from orrery.server where cluster = 't' and kind = 'arena'), 'f-1 ready, f-2 stopping, f-3 stopping', 'the one that somebody has goes on');
select orrery_test.fleets_tick();
select is((select count(*) from orrery.server where fleet is not null) + (select count(*) from orrery.fleet), 0::bigint, 'it is no more');
select * from finish();
rollback;

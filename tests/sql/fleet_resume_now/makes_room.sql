-- Catches a failed server that keeps its place for ever.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":2}}', 't');
select orrery_test.fleets_tick();
update orrery.server set state = 'failed', rule = 'test' where cluster = 't' and key = 'f-1';
select orrery.fleet_resume_now(f, 'test') from orrery.fleet f;
select is(orrery_test.fleet_there(), '1 starting', 'it is no more');
select orrery_test.fleets_tick();
select is(orrery_test.fleet_there(), '2 starting', 'its place is filled');
select * from finish();
rollback;

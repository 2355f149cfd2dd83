-- Catches a tick that a failing step stops, or that floods the events.
begin;
set local client_min_messages = warning;
select no_plan();
create or replace function orrery.tick_timers() returns timestamptz language plpgsql as $$ begin raise division_by_zero; end $$;
select orrery.cluster_create('t');
select orrery.cluster_start('t');
select orrery.cluster_shutdown(1, 't');
select orrery_test.clock_advance('2 s');
set local client_min_messages = error;
select lives_ok('select orrery.tick()', 'a failing step does not fail the tick');
select lives_ok('select orrery.tick()', 'nor the next');
set local client_min_messages = warning;
select is(orrery_test.cluster_state(), 'stopped', 'the other steps ran');
select is((select count(*) from orrery.event e where e.rule = 'tick_failed' and e.noun_id = 'timers' and e.reason = 'division_by_zero'), 1::bigint, 'one event tells');
select * from finish();
rollback;

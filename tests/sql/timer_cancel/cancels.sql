-- Catches a timer that fires although it was cancelled.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes'), orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail');
delete from orrery.timer;
select orrery.timer_schedule('note', 'a', orrery.clock() - interval '1 second', '{}', 't');
select is(orrery.timer_cancel('note', 'a', 't'), 'cancelled', 'cancelled');
select is(orrery.timer_cancel('note', 'a', 't'), 'none', 'there is none any more');
insert into orrery.timer_parked values (-1, 't', 'note', 'p', now(), '{}', 5, 'e', now());
select is(orrery.timer_cancel('note', 'p', 't'), 'cancelled', 'a parked one too');
select orrery.tick_timers();
select is((select count(*)::int from orrery_test.fired), 0, 'nothing fired');
select throws_ok('select orrery.timer_cancel(null, ''a'', ''t'')', 'OR003', null, 'null');
select * from finish();
rollback;

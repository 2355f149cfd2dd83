-- Catches a step that fires without bound after a long absence.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes'), orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail');
delete from orrery.timer;
select orrery.setting_set('timers_per_tick', 2);
select orrery.timer_schedule('note', n::text, orrery.clock() - n * interval '1 second', '{}', 't') from generate_series(1, 5) n;
select ok(orrery.tick_timers() < orrery.clock(), 'more are due');
select is((select string_agg(key, ',' order by key) from orrery_test.fired), '4,5', 'the oldest first');
select orrery.tick_timers(), orrery.tick_timers();
select is((select count(*)::int from orrery_test.fired), 5, 'all in the end');
select * from finish();
rollback;

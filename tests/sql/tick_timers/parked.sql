-- Catches a failing timer that delays others, leaves half of its effect, or is tried for ever.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes'), orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail');
delete from orrery.timer;
select orrery.setting_set('timer_attempts_max', 3);
select orrery.timer_schedule('fragile', k, orrery.clock() - interval '1 second', '{}', 't') from unnest(array['good', 'bad', 'well']) k;
select orrery.tick_timers();
select is((select string_agg(key, ',' order by key) from orrery_test.fired), 'good,well', 'the others have fired, the bad one had no effect');
select results_eq('select attempt::int, due_at > orrery.clock() from orrery.timer where key = ''bad''', 'values (1, true)', 'it is tried again later');
create function orrery_test.bring_forward() returns timestamptz language sql as $$
  with d as (delete from orrery.timer returning *)
  insert into orrery.timer (due_at, timer_id, cluster, timer_kind, key, attempt) select orrery.clock() - interval '1 second', timer_id, cluster, timer_kind, key, attempt from d
  returning due_at $$;
select orrery_test.bring_forward();
select orrery.tick_timers();
select is((select due_at - orrery.clock() > 1.5 * orrery.setting('timer_backoff_ms') * interval '1 millisecond' from orrery.timer where key = 'bad'), true, 'the second wait is longer');
select orrery_test.bring_forward();
select is(orrery.tick_timers(), null, 'the third failure is the last');
select results_eq('select key, attempt::int, error from orrery.timer_parked where cluster = ''t''', $$values ('bad', 3, 'P0001: cannot do bad')$$, 'parked, with its error');
select is((select count(*)::int from orrery.event where noun = 'timer' and cluster = 't'), 1, 'and an event');
select * from finish();
rollback;

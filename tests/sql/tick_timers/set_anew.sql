-- Catches a failed timer whose next attempt meets one that was set anew for its key, and then blocks every timer.
begin;
select no_plan();
select orrery_test.cluster_running('t');
create function orrery_test.note_and_set(p_timers orrery.timer[]) returns void language plpgsql security definer as $$
begin
  perform orrery_test.note_fired(p_timers);
  perform orrery.timer_schedule('fragile', 'bad', orrery.clock() + interval '1 hour', '{}', 't');
end
$$;
alter function orrery_test.note_and_set(orrery.timer[]) owner to orrery_test_game;
grant orrery_space_owner to orrery_test_game;
select orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail'), orrery.timer_kind_set('again', 'orrery_test.note_and_set', 'sets the other');
delete from orrery.timer;
select orrery.timer_schedule(k, 'bad', orrery.clock() - interval '1 second', '{}', 't') from unnest(array['again', 'fragile']) k;
select lives_ok('select orrery.tick_timers()', 'both fire');
select is((select string_agg(kind, ',') from orrery_test.fired), 'again', 'one with an effect');
select results_eq('select timer_kind, attempt::int, due_at > orrery.clock() + interval ''50 minutes'' from orrery.timer', $$values ('fragile', 0, true)$$, 'the failed one is due when it was set anew');
select * from finish();
rollback;

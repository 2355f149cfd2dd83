-- timer_failed: a timer's handler raised: due again later, doubling, or parked with its error after timer_attempts_max failures,
-- or at once when it did not end although it was called alone, as what has failed before is.
-- One that was set anew meanwhile, by another handler of the same step, stays as it was set.
-- Writes: timer or timer_parked, event when parked.   Called by: tick_timers.
create or replace function orrery.timer_failed(p_timer orrery.timer, p_error text, p_now timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_attempt integer := p_timer.attempt + 1;
begin
  if v_attempt < orrery.setting('timer_attempts_max') and not (p_error like '57014:%' and p_timer.attempt > 0) then
    insert into orrery.timer (due_at, timer_id, cluster, timer_kind, key, payload, attempt)
    values (p_now + orrery.setting('timer_backoff_ms') * 2 ^ (v_attempt - 1) * interval '1 millisecond',
      p_timer.timer_id, p_timer.cluster, p_timer.timer_kind, p_timer.key, p_timer.payload, v_attempt)
    on conflict (cluster, timer_kind, key) do nothing;
    return;
  end if;
  -- the last word of its key only, so that one that is set and fails for ever does not fill the table
  delete from orrery.timer_parked p where p.cluster = p_timer.cluster and p.timer_kind = p_timer.timer_kind and p.key = p_timer.key;
  insert into orrery.timer_parked (timer_id, cluster, timer_kind, key, due_at, payload, attempt, error, parked_at)
  values (p_timer.timer_id, p_timer.cluster, p_timer.timer_kind, p_timer.key, p_timer.due_at, p_timer.payload, v_attempt, p_error, p_now);
  perform orrery.event_add(p_timer.cluster, 'timer', p_timer.timer_id::text, 'timer_attempts_max',
    format('%s %s failed %s times: %s', p_timer.timer_kind, p_timer.key, v_attempt, p_error));
end
$$;
comment on function orrery.timer_failed(orrery.timer, text, timestamptz) is 'Tries a failed timer again later, or parks it.';

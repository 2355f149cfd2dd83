-- tick_step: one step of the tick, named in application_name while it runs, so that the other loop can cancel it when it
-- hangs. One that fails or is cancelled is undone alone and leaves an event (once a minute).
-- p_continuous_since: since when the tick has run without a gap.
-- Returns when something is due next that this step knows of; null: nothing is.
-- Writes: what the step writes.   Locks: its.
-- Errors: none.   Called by: tick, tick_loop.
create or replace function orrery.tick_step(p_step text, p_continuous_since timestamptz) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  v_next timestamptz;
  v_why  text;
  v_more text;
  v_detail text;
begin
  perform set_config('application_name', 'orrery tick: ' || p_step, true);
  case p_step
    when 'identity' then perform orrery.tick_identity();
    when 'timers' then v_next := orrery.tick_timers();
    when 'clusters' then v_next := orrery.tick_clusters();
    when 'agents' then perform orrery.tick_agents(p_continuous_since);
    when 'commands' then perform orrery.tick_commands();
    when 'servers' then perform orrery.tick_servers();
    when 'fleets' then perform orrery.tick_fleets();
    when 'allocations' then perform orrery.tick_allocations();
    when 'idle' then perform orrery.tick_idle();
    when 'doorbell' then perform orrery.tick_doorbell();
    when 'purge' then v_next := orrery.tick_purge();
    when 'note' then perform orrery.tick_note(p_continuous_since);
  end case;
  return v_next;
exception when query_canceled or others then
  get stacked diagnostics v_more = pg_exception_context, v_detail = pg_exception_detail;
  v_why := case sqlstate when '57014' then 'cancelled: it did not end in its time' else sqlerrm end;
  perform orrery.tick_failed('tick', p_step, null, sqlstate, v_why, jsonb_build_object('detail', left(v_detail, 1000), 'context', left(v_more, 1000)));
  return null;
end
$$;
comment on function orrery.tick_step(text, timestamptz) is 'One step of the tick; a failure of it is an event.';
grant execute on function orrery.tick_step(text, timestamptz) to orrery_cron;

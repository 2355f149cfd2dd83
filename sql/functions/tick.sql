-- tick: decide everything that is due now, in one transaction; the loop commits after each step that wrote. Each step is
-- cheap when nothing is due; one that fails stops no other.
-- Writes: what the steps write.   Locks: theirs.
-- Errors: OR003 since when said by another than who ticks for good; OR010 login of one cluster.   Called by: DBA, tests.
--   p_continuous_since: since when the caller (role orrery_cron) has ticked without a gap; null: not known.
--   Returns when something is due next that is known of; null: nothing is.
create or replace function orrery.tick(p_continuous_since timestamptz default null) returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_at     timestamptz := orrery.tick_at();
  v_since  timestamptz := orrery.tick_continuous(coalesce(p_continuous_since, v_now));
  v_second boolean := v_at is null or v_now - v_at >= '1 second' or v_now < v_at;
  v_step   text;
  v_next   timestamptz;
begin
  perform orrery.login_everywhere('tick');
  if p_continuous_since is not null and not pg_has_role(session_user, 'orrery_cron', 'member') then
    perform orrery.fail('OR003', format('%s cannot say since when the tick has run', session_user),
      'Agents are judged lost by it; only who ticks for good knows.', 'SELECT orrery.tick()');
  end if;
  foreach v_step in array array['identity', 'timers', 'clusters', 'agents', 'commands', 'allocations', 'fleets', 'servers', 'idle', 'doorbell', 'purge', 'note'] loop
    continue when v_step in ('agents', 'idle', 'note') and not v_second
      or v_step = 'purge' and date_trunc('minute', v_at) = date_trunc('minute', v_now);
    v_next := least(v_next, orrery.tick_step(v_step, v_since));
  end loop;
  return v_next;
end
$$;
comment on function orrery.tick(timestamptz) is 'Decides everything that is due now; returns when something is due next.';
grant execute on function orrery.tick(timestamptz) to orrery_cron, orrery_admin;

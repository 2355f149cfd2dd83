-- tick_due: which steps of the tick have work now, and when something is due next that is known of (when there is work for none):
-- one look, for the ticks between two seconds; each second in which something was committed every step is asked itself.
-- Reads: cluster, timer, server, command.   Errors: none.   Called by: tick_loop.
create or replace function orrery.tick_due(out steps text[], out due_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := orrery.clock();
  v_clusters timestamptz;
  v_next     timestamptz;
  v_servers  timestamptz;
  v_late     timestamptz;
  v_commands timestamptz;
  v_bells    timestamptz;
begin
  -- the deadline of one that is stopping has passed, and is nothing to be awake for
  select min(n.due_at), min(c.shutdown_at), min(c.shutdown_at) filter (where c.state = 'shutting_down')
  into due_at, v_clusters, v_next
  from orrery.cluster c
  left join lateral (select t.due_at from orrery.timer t where t.cluster = c.cluster order by t.due_at limit 1) n on c.state <> 'stopped';
  select min(s.try_at) into v_servers from orrery.server s where s.state = 'requested';
  select min(s.deadline_at) into v_late from orrery.server s where s.state in ('starting', 'stopping');
  select min(c.expires_at), max(c.state_at) filter (where c.state = 'pending') into v_commands, v_bells
  from orrery.command c where c.state in ('pending', 'claimed');
  steps := array_remove(array[
    case when due_at <= v_now then 'timers' end,
    case when v_clusters <= v_now then 'clusters' end,
    case when v_commands <= v_now then 'commands' end,
    case when least(v_servers, v_late) <= v_now then 'servers' end,
    case when v_bells is not null then 'doorbell' end], null);
  due_at := least(due_at, v_next, case when v_servers > v_now then v_servers end, case when v_late > v_now then v_late end,
    case when v_commands > v_now then v_commands end);
end
$$;
comment on function orrery.tick_due() is 'Which steps of the tick have work now, and when something is due next.';
grant execute on function orrery.tick_due() to orrery_cron;

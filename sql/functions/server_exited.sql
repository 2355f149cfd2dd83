-- server_exited: a server's process is gone (reported, not in the inventory, or its agent is lost). Frees what it held
-- and decides: stopped, tried again under a new epoch after a backoff, or failed. Its players: orphaned when it died, ended
-- when it was told to stop or when they had only logged in. False when the epoch is stale.
-- It counts as the server's own failure unless p_rule says that its agent ended it or never began it, that its lease was over,
-- or that its agent was fenced (then it is tried again at once), or is gone (then after start_backoff_ms). An always-on server
-- is tried for as long as its cluster is up; any other fails for good after start_attempts_max failures. One that was ready is
-- wanted again when it is always on, when players wait for it, and, if its kind never stops for being empty, when its machine is
-- gone or was cut off beyond the lease (or it held, and its agent came back without it). So is one of a fleet that did not stay ready for
-- server_stable_ms, unless somebody had it and it ended well: a new one in its place would begin with no failures, for ever.
-- A cluster's deadline is left to the tick, which holds no session yet: here it only leaves nothing wanted.
-- Writes: server, placement, port, allocation, command, session, attachment, event.
-- Locks: cluster, placement, server, session.   Errors: none.
-- Called by: agent_report, agent_inventory_compare, agent_fence, tick_agents, tick_commands.
create or replace function orrery.server_exited(p_server_id bigint, p_epoch bigint, p_rule text, p_reason text) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := orrery.clock();
  v_server   orrery.server;
  v_kind     orrery.server_kind;
  v_cluster  orrery.cluster;
  v_at_once  boolean := p_rule in ('agent_ended_server', 'lease_over', 'agent_fence', 'tick_commands');
  v_own      boolean := not v_at_once and p_rule not in ('agent_inventory_compare', 'tick_agents');
  v_owner    boolean;
  v_wanted   boolean;
  v_stable   boolean;
  v_failures integer;
  v_wait_ms  numeric;
  v_why      text;
begin
  select * into v_cluster from orrery.cluster c
  where c.cluster = (select s.cluster from orrery.server s where s.server_id = p_server_id) for no key update;
  perform from orrery.placement p where p.server_id = p_server_id for no key update;
  v_owner := found;
  select * into v_server from orrery.server s where s.server_id = p_server_id for no key update;
  if v_server.epoch is distinct from p_epoch or v_server.state not in ('starting', 'ready', 'stopping') then
    return false;
  end if;
  select * into v_kind from orrery.server_kind k where k.cluster = v_server.cluster and k.kind = v_server.kind;
  perform orrery.ports_free(p_server_id);
  with open as (
    select a.allocation_id from orrery.allocation a
    where a.server_id = p_server_id and a.state in ('allocated', 'confirmed') order by a.allocation_id for no key update
  )
  update orrery.allocation a set state = 'failed', rule = p_rule, reason = 'its server is gone: ' || p_reason, confirm_by = null
  from open o where a.allocation_id = o.allocation_id;
  if v_server.allocations > 0 then
    update orrery.server s set allocations = 0 where s.server_id = p_server_id;
  end if;
  with open as (
    select c.command_id from orrery.command c
    where c.server_id = p_server_id and c.state in ('pending', 'claimed')
    order by c.command_id for no key update
  )
  update orrery.command c set state = 'void', rule = p_rule, reason = p_reason from open o where c.command_id = o.command_id;

  perform orrery.session_server_gone(p_server_id, v_server.state <> 'stopping', p_rule, p_reason);
  v_stable := v_server.state = 'ready'
    and v_server.state_at < v_now - make_interval(secs => orrery.setting('server_stable_ms')::float8 / 1000);
  v_wanted := v_server.state <> 'stopping' and v_owner
    and v_cluster.state in ('starting', 'running', 'shutting_down') and coalesce(v_cluster.shutdown_at > v_now, true)
    and (v_server.state = 'starting' or v_kind.always_on_key is not distinct from v_server.key
      or v_server.fleet is not null and v_own and not v_stable and (v_server.allocations = 0 or p_reason <> 'exit status 0')
      or v_kind.idle_stop_ms is null and (p_rule in ('agent_fence', 'lease_over', 'tick_agents') or not v_own and v_server.on_isolation = 'hold')
      or exists (select from orrery.session s where s.server_id = p_server_id and s.state = 'orphaned')
      or exists (select from orrery."character" c join orrery.session s on s.character_id = c.character_id
                 where c.cluster = v_server.cluster and c.kind = v_server.kind and c.key = v_server.key and s.state = 'waiting'));
  v_failures := v_own::integer + case when v_stable then 0 else v_server.failures end;
  if not v_wanted then
    update orrery.server s
    set state = 'stopped', rule = p_rule, reason = p_reason, token = null, token_hash = null, pid = null, deadline_at = null, try_at = null
    where s.server_id = p_server_id;
    update orrery.placement p set server_id = null where p.server_id = p_server_id;
  elsif v_own and v_failures >= v_kind.start_attempts_max and v_kind.always_on_key is distinct from v_server.key then
    v_why := format('gave up after %s: %s', orrery.counted(v_failures, 'failure'), p_reason);
    update orrery.server s
    set state = 'failed', rule = p_rule, reason = v_why, failures = v_failures, token = null, token_hash = null, pid = null,
        deadline_at = null, try_at = null
    where s.server_id = p_server_id;
    perform orrery.server_tell_waiting(v_server.cluster, v_server.kind, v_server.key,
      jsonb_build_object('tell', 'failed', 'reason', v_why), p_rule);
  else
    -- 2^20 is far beyond any start_backoff_max_ms
    v_wait_ms := case when v_at_once then 0
      else least(orrery.setting('start_backoff_ms') * 2 ^ least(greatest(v_failures - 1, 0) * v_own::integer, 20),
        orrery.setting('start_backoff_max_ms')) end;
    update orrery.server s
    set state = 'requested', rule = p_rule,
        reason = p_reason || case when v_wait_ms > 0 then format('; tried again in %s s', round(v_wait_ms / 1000, 1)) else '; started again' end,
        failures = v_failures, failed_on = case when v_own then v_server.agent_id else s.failed_on end, epoch = orrery.epoch_next(), try_at = v_now + make_interval(secs => v_wait_ms::float8 / 1000),
        token = null, token_hash = null, pid = null, deadline_at = null, agent_id = null
    where s.server_id = p_server_id
    returning * into v_server;
    update orrery.placement p set epoch = v_server.epoch where p.server_id = p_server_id;
  end if;
  return true;
end
$$;
comment on function orrery.server_exited(bigint, bigint, text, text) is 'Frees what a dead server held and decides whether it is started again.';

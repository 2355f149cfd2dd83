-- server_stop_now: stop a server that is not wanted any more. One that no agent has begun to start is stopped at once; for
-- the others the agent is told. It owns its key no longer. After a failover, or in a restored backup, what this database knows of
-- who has begun is old: the incarnation is raised first.
-- Writes: server, placement, port, command, event; what incarnation_current writes.
-- Locks: placement, server; the caller holds the cluster's; those of incarnation_current.
-- Errors: none; one that stops or has stopped is left alone.   Called by: server_stop, cluster_advance, tick_idle, tick_drains,
-- fleet_shrink, fleet_resume_now, fleet_drop, allocation_end.
create or replace function orrery.server_stop_now(p_server_id bigint, p_reason text, p_rule text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_server orrery.server;
  v_kind   orrery.server_kind;
begin
  perform from orrery.placement p where p.server_id = p_server_id for no key update;
  select * into v_server from orrery.server s where s.server_id = p_server_id for no key update;
  if v_server.state in ('stopping', 'stopped') then
    return v_server.state;
  end if;
  update orrery.placement p set server_id = null where p.server_id = p_server_id;
  if v_server.state = 'starting' then
    perform orrery.incarnation_current();
    update orrery.command c set state = 'void', rule = p_rule, reason = p_reason
    where c.server_id = p_server_id and c.verb = 'start' and c.epoch = v_server.epoch and c.state = 'pending' and c.claimed_at is null;
    if found then
      -- nor is it told anything
      update orrery.command c set state = 'void', rule = p_rule, reason = p_reason
      where c.server_id = p_server_id and c.epoch = v_server.epoch and c.state in ('pending', 'claimed');
      perform orrery.ports_free(p_server_id);
      v_server.state := 'requested';
    end if;
  end if;
  if v_server.state in ('requested', 'failed') then
    update orrery.server s
    set state = 'stopped', rule = p_rule, reason = p_reason, token = null, token_hash = null, try_at = null, deadline_at = null
    where s.server_id = p_server_id;
    perform orrery.server_tell_waiting(v_server.cluster, v_server.kind, v_server.key,
      jsonb_build_object('tell', 'failed', 'reason', p_reason), p_rule);
    return 'stopped';
  end if;
  select * into v_kind from orrery.server_kind k where k.cluster = v_server.cluster and k.kind = v_server.kind;
  update orrery.server s
  set state = 'stopping', rule = p_rule, reason = p_reason,
      deadline_at = v_now + make_interval(secs => (v_kind.stop_grace_ms + orrery.setting('start_slack_ms'))::float8 / 1000)
  where s.server_id = p_server_id;
  perform orrery.command_add(p_server_id, 'stop', jsonb_build_object('grace_ms', v_kind.stop_grace_ms), p_rule);
  return 'stopping';
end
$$;
comment on function orrery.server_stop_now(bigint, text, text) is 'Stops a server that is not wanted any more.';

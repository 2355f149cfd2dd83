-- server_place: put a requested server on the agent that placement_pick names: ports, a token, a start command. When
-- there is no room it goes on waiting, with the reason, and is tried again after place_retry_ms. An epoch of an earlier
-- incarnation is replaced: it may have been started already, after the backup that this database was restored from. A policy that does
-- not end, and is cancelled (by the other tick loop), is not asked for this server before policy_retry_ms.
-- Writes: server, placement, port, command, event.
-- Locks: cluster, agent, server; the cluster's keeps others from the placement. Cluster and agent are not waited for, since
-- the caller may hold others: when one is busy, the server stays due for the next tick.
-- Errors: none.   Called by: server_request, tick_servers.
create or replace function orrery.server_place(p_server_id bigint) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_server  orrery.server;
  v_kind    orrery.server_kind;
  v_agent   orrery.agent;
  v_pick    record;
  v_port    record;
  v_first   integer;
  v_ports   jsonb := '[]'::jsonb;
  v_values  jsonb := '{}'::jsonb;
  v_token   text;
  v_retry   text := 'place_retry_ms';
begin
  select * into v_server from orrery.server s where s.server_id = p_server_id;
  perform from orrery.cluster c
  where c.cluster = v_server.cluster and c.state in ('starting', 'running', 'shutting_down') for no key update skip locked;
  if not found then
    return false;
  end if;
  begin
    select * into v_pick from orrery.placement_pick(v_server.cluster, v_server.kind, case when v_server.failures > 0 then v_server.failed_on end);
  exception when query_canceled then
    v_retry := 'policy_retry_ms';
    select null::bigint as agent_id, format('no agent with room: %s was cancelled, it did not end in its time', k.placement_function) as reason into v_pick
    from orrery.server_kind k where k.cluster = v_server.cluster and k.kind = v_server.kind;
  end;
  if v_pick.agent_id is not null then
    select * into v_agent from orrery.agent a where a.agent_id = v_pick.agent_id for no key update skip locked;
    if not found then
      return false;
    end if;
    -- another placement may have taken the room before the lock
    if (select p.agent_id from orrery.placement_pick(v_server.cluster, v_server.kind, p_agent_id => v_agent.agent_id) p) is null then
      return false;
    end if;
  end if;
  select * into v_server from orrery.server s where s.server_id = p_server_id for no key update;
  if v_server.state is distinct from 'requested' then
    return false;
  end if;
  select * into v_kind from orrery.server_kind k where k.cluster = v_server.cluster and k.kind = v_server.kind;
  if v_pick.agent_id is not null then
    for v_port in
      select p.* from rows from (jsonb_to_recordset(v_kind.ports) as (name text, protocol text, count integer)) with ordinality p(name, protocol, count, n)
      order by p.n
    loop
      v_first := orrery.port_take(v_agent, v_server, v_port.name, v_port.protocol, v_port.count, case when v_port.n = 1 then v_kind.public_port end);
      if v_first is null then
        perform orrery.ports_free(p_server_id);
        v_pick.agent_id := null;
        v_pick.reason := format('no agent with room: %s has no port left', v_agent.name);
        exit;
      end if;
      v_ports := v_ports || jsonb_build_object('name', v_port.name, 'protocol', v_port.protocol, 'port', v_first, 'count', v_port.count);
      v_values := v_values || jsonb_build_object('port:' || v_port.name, v_first::text, 'last_port:' || v_port.name, (v_first + v_port.count - 1)::text);
    end loop;
  end if;
  if v_pick.agent_id is null then
    update orrery.server s
    set reason = v_pick.reason,
        try_at = v_now + make_interval(secs => orrery.setting(v_retry)::float8 / 1000)
    where s.server_id = p_server_id;
    if v_pick.reason is distinct from v_server.reason then
      perform orrery.event_add(v_server.cluster, 'server', p_server_id::text, 'placement_pick', v_pick.reason);
      raise notice '% % waits: %', v_server.kind, v_server.key, v_pick.reason;
    end if;
    return false;
  end if;
  if v_server.epoch >> 32 < orrery.incarnation_current() then
    update orrery.server s set epoch = orrery.epoch_next() where s.server_id = p_server_id returning s.* into v_server;
    update orrery.placement p set epoch = v_server.epoch where p.server_id = p_server_id;
  end if;
  v_token := encode(orrery.random_bytes(32), 'hex');
  update orrery.server s
  set state = 'starting', rule = 'placement_pick', reason = format('starting on %s: %s', v_agent.name, v_pick.reason), agent_id = v_agent.agent_id,
      token = v_token, token_hash = sha256(convert_to(v_token, 'UTF8')), pid = null, on_isolation = v_kind.on_isolation, try_at = null, empty_since = null,
      deadline_at = v_now + make_interval(secs => (v_kind.ready_deadline_ms + orrery.setting('start_slack_ms'))::float8 / 1000),
      public_host = v_agent.public_address, public_port = (v_ports -> 0 ->> 'port')::integer, private_host = v_agent.private_address,
      private_port = (jsonb_path_query_first(v_ports, '$[*] ? (@.name == "private")') ->> 'port')::integer,
      cpu_millis = v_kind.cpu_millis, memory_bytes = v_kind.memory_bytes, version = v_kind.version,
      labels = '{}', counters = (
        select coalesce(jsonb_object_agg(c.key, jsonb_build_object('count', 0, 'capacity', c.value)), '{}') from jsonb_each(v_kind.counters) c)
  where s.server_id = p_server_id;
  perform orrery.command_add(p_server_id, 'start', orrery.server_kind_fill(v_kind, v_values || jsonb_build_object(
      'cluster', v_server.cluster, 'kind', v_server.kind, 'key', v_server.key, 'server_id', v_server.server_id::text,
      'host', v_agent.public_address, 'private_host', v_agent.private_address, 'agent', v_agent.name))
    || jsonb_build_object(
      'kind', v_server.kind, 'key', v_server.key, 'role', v_kind.role, 'command', v_kind.command, 'ports', v_ports,
      'ready_deadline_ms', v_kind.ready_deadline_ms, 'stop_grace_ms', v_kind.stop_grace_ms, 'memory_bytes', v_kind.memory_bytes,
      'on_isolation', v_kind.on_isolation, 'limits', v_kind.limits, 'log_bytes_max', v_kind.log_bytes_max, 'log_files', v_kind.log_files,
      'watchdog_ms', v_kind.watchdog_ms, 'stop_signal', v_kind.stop_signal,
      'ready', jsonb_strip_nulls(jsonb_build_object('by', v_kind.ready_by, 'pattern', v_kind.ready_pattern))), 'placement_pick');
  return true;
end
$$;
comment on function orrery.server_place(bigint) is 'Places a requested server on an agent, or says why it waits.';

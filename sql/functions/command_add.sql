-- command_add: tell the agent of a server something about its present epoch, and ring. Null when it is on no agent, or when
-- another transaction changes it just now: it may be gone when that commits, and a command would be left over.
-- A tell is of use for tell_ttl_ms; a start until the server's deadline, unless it was fetched by then (command_claim); a
-- stop until the process is gone.
-- Writes: command, event.   Locks: server, shared, never waiting for it: the caller may hold sessions.
-- Errors: none.             Called by: server_place, server_stop_now, server_tell_waiting, session_tell,
-- session_released, session_places, cluster_keys_changed, tick_servers.
create or replace function orrery.command_add(p_server_id bigint, p_verb text, p_payload jsonb, p_rule text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server     orrery.server;
  v_now        timestamptz := orrery.clock();
  v_command_id bigint;
begin
  select * into v_server from orrery.server s
  where s.server_id = p_server_id and s.state in ('starting', 'ready', 'stopping') for share skip locked;
  if not found then
    return null;
  end if;
  insert into orrery.command (cluster, agent_id, server_id, epoch, verb, payload, rule, state_at, created_at, expires_at)
  values (v_server.cluster, v_server.agent_id, v_server.server_id, v_server.epoch, p_verb, coalesce(p_payload, '{}'), p_rule, v_now, v_now,
    case p_verb
      when 'tell' then v_now + make_interval(secs => orrery.setting('tell_ttl_ms')::float8 / 1000)
      when 'start' then v_server.deadline_at end)
  returning command_id into v_command_id;
  perform orrery.doorbell_ring(v_server.agent_id);
  return v_command_id;
end
$$;
comment on function orrery.command_add(bigint, text, jsonb, text) is 'Tells the agent of a server something, and rings.';

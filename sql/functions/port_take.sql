-- port_take: take a UDP port of an agent for a server: the named one, else the next free one of the agent's range
-- after the last taken, around, so that a freed port rests longest. Null when none is free.
-- Writes: port.   Locks: none; the caller holds the agent's.
-- Errors: none.   Called by: server_place.
create or replace function orrery.port_take(p_agent orrery.agent, p_server orrery.server, p_purpose text, p_port integer default null)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz := orrery.clock();
  v_port integer;
begin
  -- ports of clusters that this login does not see conflict too, hence insert and look
  if p_port is not null then
    insert into orrery.port (agent_id, protocol, port, cluster, server_id, purpose, taken_at)
    values (p_agent.agent_id, 'udp', p_port, p_server.cluster, p_server.server_id, p_purpose, v_now)
    on conflict (agent_id, protocol, port) do nothing;
    return case when found then p_port end;
  end if;
  for v_port in
    select n from generate_series(p_agent.port_min, p_agent.port_max) n
    where not exists (select from orrery.port p where p.agent_id = p_agent.agent_id and p.protocol = 'udp' and p.port = n)
    order by n <= coalesce(p_agent.port_last, 0), n
  loop
    insert into orrery.port (agent_id, protocol, port, cluster, server_id, purpose, taken_at)
    values (p_agent.agent_id, 'udp', v_port, p_server.cluster, p_server.server_id, p_purpose, v_now)
    on conflict (agent_id, protocol, port) do nothing;
    if found then
      update orrery.agent a set port_last = v_port where a.agent_id = p_agent.agent_id;
      return v_port;
    end if;
  end loop;
  return null;
end
$$;
comment on function orrery.port_take(orrery.agent, orrery.server, text, integer) is 'Takes a UDP port of an agent for a server.';

-- port_take: take ports of an agent for a server, contiguous ones when there are several: from the named one on; else of the
-- agent's range those that nobody had yet, or else those that have rested longest, and port_rest_ms at least.
-- p_count: how many.   p_port: the first, when it is fixed; such a one needs no rest, since it is always the same server's.
-- Returns the first; null when there are not so many.
-- Writes: port.   Locks: none; the caller holds the agent's.
-- Errors: none.   Called by: server_place.
create or replace function orrery.port_take(
  p_agent orrery.agent, p_server orrery.server, p_name text, p_protocol text default 'udp', p_count integer default 1, p_port integer default null
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz := orrery.clock();
  v_port integer := coalesce(p_port, orrery.port_find(p_agent, p_protocol, p_count));
  v_took integer;
begin
  -- ports of clusters that this login does not see conflict too, hence insert and count
  insert into orrery.port as p (agent_id, protocol, port, cluster, server_id, name, taken_at)
  select p_agent.agent_id, p_protocol, n, p_server.cluster, p_server.server_id, p_name, v_now
  from generate_series(v_port, v_port + p_count - 1) n
  on conflict (agent_id, protocol, port) do update
    set cluster = excluded.cluster, server_id = excluded.server_id, name = excluded.name, taken_at = excluded.taken_at, freed_at = null
    where p.server_id is null;
  get diagnostics v_took = row_count;
  return case when v_took = p_count then v_port end;
end
$$;
comment on function orrery.port_take(orrery.agent, orrery.server, text, text, integer, integer) is 'Takes ports of an agent for a server.';

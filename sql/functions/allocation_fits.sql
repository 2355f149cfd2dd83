-- allocation_fits: could a server that is free be given for a selector?
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: allocation_serve.
create or replace function orrery.allocation_fits(p_server orrery.server, p_selector jsonb) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_server.fleet = coalesce(p_selector ->> 'fleet', p_server.fleet) and p_server.kind = coalesce(p_selector ->> 'kind', p_server.kind)
    and (not p_selector ? 'labels' or (select a.labels || p_server.labels @> (p_selector -> 'labels') from orrery.agent a where a.agent_id = p_server.agent_id))
    and (not p_selector ? 'counters' or orrery.counters_fit(p_server.counters, p_selector -> 'counters')), false);
end
$$;
comment on function orrery.allocation_fits(orrery.server, jsonb) is 'Could a free server be given for a selector?';

-- allocation_serve: a server that has become free goes to the first who waits for such a one.
-- p_server: as it is now.   True when somebody has got it.
-- Writes: what allocation_take writes.   Locks: allocation (not waited for); the caller holds the server's.
-- Errors: none.   Called by: server_ready, allocation_end, server_allocate.
create or replace function orrery.allocation_serve(p_server orrery.server) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_allocation orrery.allocation;
begin
  if p_server.fleet is null or p_server.state <> 'ready' or p_server.allocations > 0 then
    return false;
  end if;
  -- fleet and kind are compared first: of who waits most may want another
  select a.* into v_allocation from orrery.allocation a
  where a.cluster = p_server.cluster and a.state = 'waiting'
    and coalesce(a.selector ->> 'fleet', p_server.fleet) = p_server.fleet and coalesce(a.selector ->> 'kind', p_server.kind) = p_server.kind
    and orrery.allocation_fits(p_server, a.selector)
    and exists (select from orrery.cluster c where c.cluster = p_server.cluster and c.state in ('starting', 'running'))
    and exists (select from orrery.agent g where g.agent_id = p_server.agent_id and g.state = 'up' and g.drain_at is null)
  order by a.asked_at, a.allocation_id limit 1 for no key update of a skip locked;
  return found and (orrery.allocation_take(v_allocation, p_server)).state = 'allocated';
end
$$;
comment on function orrery.allocation_serve(orrery.server) is 'Gives a server that has become free to the first who waits for such a one.';

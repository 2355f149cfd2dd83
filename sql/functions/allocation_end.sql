-- allocation_end: an allocation is over; what it counted of its server is free. When nobody else has the server it is stopped, so that
-- its fleet makes a new one, or goes back to it when it is to be used again.
-- p_state: released, expired or failed (whose server is gone already).
-- Writes: allocation, server, event; what server_stop_now or allocation_serve writes.   Locks: placement; the caller holds those of cluster, server, allocation.
-- Errors: none.   Called by: allocation_release, tick_allocations.
create or replace function orrery.allocation_end(p_allocation orrery.allocation, p_state text, p_rule text, p_reason text, p_reuse boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server orrery.server;
begin
  update orrery.allocation a set state = p_state, rule = p_rule, reason = p_reason, confirm_by = null, wait_until = null
  where a.allocation_id = p_allocation.allocation_id;
  update orrery.server s
  set allocations = greatest(s.allocations - 1, 0),
      counters = case when p_allocation.selector ? 'counters' then orrery.counters_add(s.counters, p_allocation.selector -> 'counters', -1) else s.counters end
  where s.server_id = p_allocation.server_id and s.epoch = p_allocation.epoch and s.state in ('ready', 'stopping')
  returning * into v_server;
  if v_server.allocations = 0 and v_server.state = 'ready' and not (p_reuse and v_server.fleet is not null) then
    perform orrery.server_stop_now(v_server.server_id, format('allocation %s is over: %s', p_allocation.request, p_reason), p_rule);
  elsif v_server.allocations = 0 then
    perform orrery.allocation_serve(v_server);
  end if;
end
$$;
comment on function orrery.allocation_end(orrery.allocation, text, text, text, boolean) is 'An allocation is over.';

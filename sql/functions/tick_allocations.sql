-- tick_allocations: give free servers to those that wait, in the order of asking; end waits whose time is over; take back what was not
-- confirmed. A server that is taken back is used again only when it told of nobody on it.
-- Writes: what allocation_take and allocation_end write.   Locks: cluster, server, allocation, placement.
-- Waits for none of them: what is busy is done by the next tick.
-- Errors: none.   Called by: tick_step
create or replace function orrery.tick_allocations() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now        timestamptz := orrery.clock();
  v_allocation orrery.allocation;
  v_server     orrery.server;
  v_free       orrery.server;  -- as it will be
  v_got        orrery.allocation;
  v_in_vain    text[] := '{}'::text[];
begin
  for v_allocation in
    select a.* from orrery.allocation a
    where a.state = 'allocated' and a.confirm_by <= v_now or a.state = 'waiting' and a.wait_until <= v_now
    order by a.cluster, a.server_id, a.allocation_id
  loop
    perform from orrery.cluster c where c.cluster = v_allocation.cluster for no key update skip locked;
    continue when not found;
    select * into v_server from orrery.server s where s.server_id = v_allocation.server_id for no key update skip locked;
    continue when not found and v_allocation.server_id is not null;
    select * into v_allocation from orrery.allocation a where a.allocation_id = v_allocation.allocation_id for no key update skip locked;
    continue when not found;
    if v_allocation.state = 'waiting' then
      perform orrery.allocation_end(v_allocation, 'expired', 'tick_allocations', 'none was free in its time', false);
    elsif v_allocation.state = 'allocated' then
      v_free := v_server;
      v_free.allocations := v_server.allocations - 1;
      perform orrery.allocation_end(v_allocation, 'expired', 'tick_allocations', 'not confirmed in its time',
        orrery.server_is_empty(v_free) and not exists (
          select from jsonb_each(orrery.counters_add(v_server.counters, coalesce(v_allocation.selector -> 'counters', '{}'), -1)) c
          where (c.value ->> 'count')::bigint > 0));
    end if;
  end loop;
  for v_allocation in
    select a.* from orrery.allocation a join orrery.cluster c on c.cluster = a.cluster
    where a.state = 'waiting' and c.state in ('starting', 'running') order by a.cluster, a.asked_at, a.allocation_id
  loop
    -- for one selector a look is enough
    continue when v_allocation.cluster || v_allocation.selector = any (v_in_vain);
    perform from orrery.allocation a where a.allocation_id = v_allocation.allocation_id and a.state = 'waiting' for no key update skip locked;
    continue when not found;
    v_got := orrery.allocation_take(v_allocation);
    if v_got.state is distinct from 'allocated' then
      v_in_vain := v_in_vain || (v_allocation.cluster || v_allocation.selector);
    end if;
  end loop;
end
$$;
comment on function orrery.tick_allocations() is 'Serves allocations that wait, and takes back what was not confirmed.';

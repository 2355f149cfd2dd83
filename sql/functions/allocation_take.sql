-- allocation_take: give a free server to an allocation that waits or is new (allocation_id null: it is made).
-- p_server: which, locked by the caller, as it was found free; null: any that fits.
-- Returns it, with its server; or as it was, when none is free.
-- Writes: allocation, server, event.   Locks: server, allocation.
-- Errors: those of allocation_find.   Called by: server_allocate, allocation_serve, tick_allocations.
create or replace function orrery.allocation_take(p_allocation orrery.allocation, p_server orrery.server default null) returns orrery.allocation
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_by     timestamptz := v_now + make_interval(secs => orrery.setting('allocation_confirm_ms')::float8 / 1000);
  v_server orrery.server := p_server;
  v_got    orrery.allocation;
  v_counters jsonb;
begin
  if v_server.server_id is null then
    -- the tick has given others theirs by now, and looks again
    v_server := orrery.allocation_find(p_allocation.cluster, p_allocation.selector, p_allocation.allocation_id is null);
    if v_server.server_id is null then
      return p_allocation;
    end if;
  end if;
  -- its row is locked
  v_counters := case when p_allocation.selector ? 'counters' then orrery.counters_add(v_server.counters, p_allocation.selector -> 'counters', 1)
    else v_server.counters end;
  if p_allocation.allocation_id is null then
    with made as (
      insert into orrery.allocation (cluster, request, selector, state, rule, reason, state_at, asked_at, confirm_by, server_id, epoch)
      values (p_allocation.cluster, p_allocation.request, p_allocation.selector, 'allocated', 'server_allocate', v_server.kind || ' ' || v_server.key,
        v_now, v_now, v_by, v_server.server_id, v_server.epoch)
      on conflict (cluster, request) do nothing
      returning *
    ), used as (
      update orrery.server s set allocations = s.allocations + 1, counters = v_counters from made m where s.server_id = m.server_id
    )
    select m.* into v_got from made m;
  else
    with given as (
      update orrery.allocation a
      set state = 'allocated', rule = 'allocation_take', reason = v_server.kind || ' ' || v_server.key, confirm_by = v_by,
          server_id = v_server.server_id, epoch = v_server.epoch
      where a.allocation_id = p_allocation.allocation_id and a.state = 'waiting'
      returning *
    ), used as (
      update orrery.server s set allocations = s.allocations + 1, counters = v_counters from given g where s.server_id = g.server_id
    )
    select g.* into v_got from given g;
  end if;
  return v_got;
end
$$;
comment on function orrery.allocation_take(orrery.allocation, orrery.server) is 'Gives a free server to an allocation.';

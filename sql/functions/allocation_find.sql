-- allocation_find: a free server of a fleet that a selector fits, locked; the one that has been ready longest (in this order no index but
-- that of free servers is of use, whatever the planner takes for many). With shared, one that others have, who share it too,
-- and whose counters have room comes first. One whose row is held by another allocation is passed over; when nothing else is left it is waited for,
-- so that none is missed while the other gives up: not with p_wait false, for callers that hold others already.
-- Writes: nothing.   Locks: server.
-- Errors: 55P03 when others hold what is left for too long.   Called by: allocation_take, server_allocate.
create or replace function orrery.allocation_find(p_cluster text, p_selector jsonb, p_wait boolean) returns orrery.server
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fleets   text[] := array[p_selector ->> 'fleet'];
  v_labels   jsonb := p_selector -> 'labels';
  v_counters jsonb := p_selector -> 'counters';
  v_shared   boolean := coalesce(p_selector -> 'shared' = 'true', false);
  v_alone    bigint[] := '{}'::bigint[];
  v_fleet    text;
  v_held     bigint;
  v_server   orrery.server;
begin
  if v_fleets[1] is null then
    v_fleets := array(select f.fleet from orrery.fleet f where f.cluster = p_cluster order by f.fleet);
  end if;
  if p_selector ? 'kind' then
    v_fleets := array(select f.fleet from orrery.fleet f where f.cluster = p_cluster and f.fleet = any (v_fleets) and f.kind = p_selector ->> 'kind' order by f.fleet);
  end if;
  loop
    begin
      while v_shared loop
        select s.* into v_server
        from orrery.server s join orrery.agent a on a.agent_id = s.agent_id and a.state = 'up' and a.drain_at is null
        where s.cluster = p_cluster and s.fleet = any (v_fleets) and s.state = 'ready' and s.allocations > 0 and s.server_id <> all (v_alone)
          and (v_labels is null or a.labels || s.labels @> v_labels) and (v_counters is null or orrery.counters_fit(s.counters, v_counters))
        order by s.fleet, s.server_id
        limit 1 for no key update of s skip locked;
        exit when not found;
        -- only under its lock is it certain who has it
        if not exists (
            select from orrery.allocation o
            where o.server_id = v_server.server_id and o.state in ('allocated', 'confirmed') and not o.selector @> '{"shared":true}') then
          return v_server;
        end if;
        v_alone := v_alone || v_server.server_id;
      end loop;
      -- one fleet after the other, each by its index
      foreach v_fleet in array v_fleets loop
        select s.* into v_server
        from orrery.server s join orrery.agent a on a.agent_id = s.agent_id and a.state = 'up' and a.drain_at is null
        where s.cluster = p_cluster and s.fleet = v_fleet and s.state = 'ready' and s.allocations = 0
          and (v_labels is null or a.labels || s.labels @> v_labels) and (v_counters is null or orrery.counters_fit(s.counters, v_counters))
        order by s.state_at, s.server_id
        limit 1 for no key update of s skip locked;
        if found then
          return v_server;
        end if;
      end loop;
      -- what was looked at in vain is let go: who waits for one server holds no other
      perform orrery.fail('OR002', 'no server that fits is free', null, null);
    exception when sqlstate 'OR002' then
      null;
    end;
    exit when not p_wait;
    -- one that another holds: what becomes of it is known when he lets it go
    select s.server_id into v_held
    from orrery.server s join orrery.agent a on a.agent_id = s.agent_id and a.state = 'up' and a.drain_at is null
    where s.cluster = p_cluster and s.fleet = any (v_fleets) and s.state = 'ready' and (s.allocations = 0 or v_shared and s.server_id <> all (v_alone))
      and (v_labels is null or a.labels || s.labels @> v_labels) and (v_counters is null or orrery.counters_fit(s.counters, v_counters))
    order by s.allocations = 0, s.fleet, s.server_id limit 1;
    exit when not found;
    begin
      perform from orrery.server s where s.server_id = v_held for no key update;
      perform orrery.fail('OR002', 'no server that fits is free', null, null);
    exception when sqlstate 'OR002' then
      null;
    end;
  end loop;
  return null;
end
$$;
comment on function orrery.allocation_find(text, jsonb, boolean) is 'A free server that a selector fits, locked.';

-- fleet_grow: add servers to a fleet; the tick places them in the order of asking. Keys are <fleet>-<number>, the lowest that
-- no server owns, nor one that still stops goes by.
-- Writes: placement, server, event.   Locks: placement; the caller holds the cluster's and the fleet's.
-- Errors: none.   Called by: fleet_advance.
create or replace function orrery.fleet_grow(p_fleet orrery.fleet, p_count bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz := orrery.clock();
begin
  with made as (
    insert into orrery.server (cluster, kind, key, epoch, state, rule, reason, state_at, requested_at, try_at, fleet)
    select p_fleet.cluster, p_fleet.kind, p_fleet.fleet || '-' || n, orrery.epoch_next(), 'requested', 'fleet_grow', 'fleet ' || p_fleet.fleet,
      v_now, v_now, v_now, p_fleet.fleet
    from generate_series(1, p_count + (
      select count(*) from orrery.server s where s.cluster = p_fleet.cluster and s.kind = p_fleet.kind and s.state <> 'stopped')) n
    where not exists (
        select from orrery.placement p
        where p.cluster = p_fleet.cluster and p.kind = p_fleet.kind and p.key = p_fleet.fleet || '-' || n and p.server_id is not null)
      and not exists (
        select from orrery.server s
        where s.cluster = p_fleet.cluster and s.kind = p_fleet.kind and s.key = p_fleet.fleet || '-' || n and s.state = 'stopping')
    order by n limit p_count
    returning *
  )
  insert into orrery.placement as p (cluster, kind, key, server_id, epoch) select m.cluster, m.kind, m.key, m.server_id, m.epoch from made m order by m.key
  on conflict (cluster, kind, key) do update set server_id = excluded.server_id, epoch = excluded.epoch;
end
$$;
comment on function orrery.fleet_grow(orrery.fleet, bigint) is 'Adds servers to a fleet.';

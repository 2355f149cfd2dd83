-- fleet_grow: add servers to a fleet; the tick places them in the order of asking. Keys are <fleet>-<number>; those that are taken are
-- passed over.
-- Writes: fleet.key_last, placement, server, event.   Locks: none; the caller holds the cluster's and the fleet's.
-- Errors: none.   Called by: fleet_advance.
create or replace function orrery.fleet_grow(p_fleet orrery.fleet, p_count bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now  timestamptz := orrery.clock();
  v_last bigint;
begin
  update orrery.fleet f set key_last = f.key_last + p_count where f.cluster = p_fleet.cluster and f.fleet = p_fleet.fleet
  returning f.key_last into v_last;
  with made as (
    insert into orrery.server (cluster, kind, key, epoch, state, rule, reason, state_at, requested_at, try_at, fleet)
    select p_fleet.cluster, p_fleet.kind, p_fleet.fleet || '-' || n, orrery.epoch_next(), 'requested', 'fleet_grow', 'fleet ' || p_fleet.fleet,
      v_now, v_now, v_now, p_fleet.fleet
    from generate_series(v_last - p_count + 1, v_last) n
    where not exists (select from orrery.placement p where p.cluster = p_fleet.cluster and p.kind = p_fleet.kind and p.key = p_fleet.fleet || '-' || n)
    returning *
  )
  insert into orrery.placement (cluster, kind, key, server_id, epoch) select m.cluster, m.kind, m.key, m.server_id, m.epoch from made m;
end
$$;
comment on function orrery.fleet_grow(orrery.fleet, bigint) is 'Adds servers to a fleet.';

-- fleet_shrink: stop servers of a fleet that nobody has: first those that do not run yet, then those of an earlier version, then
-- those that came last. p_outdated: only those of an earlier version.
-- Returns how many; what is busy is left for the next time.
-- Writes: what server_stop_now writes.   Locks: placement, server; the caller holds the cluster's.
-- Errors: none.   Called by: fleet_advance, fleet_drop.
create or replace function orrery.fleet_shrink(p_fleet orrery.fleet, p_count bigint, p_outdated boolean, p_reason text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server  orrery.server;
  v_version bigint := (select k.version from orrery.server_kind k where k.cluster = p_fleet.cluster and k.kind = p_fleet.kind);
  v_stopped bigint := 0;
begin
  for v_server in
    select s.* from orrery.server s
    where s.cluster = p_fleet.cluster and s.fleet = p_fleet.fleet and s.state in ('requested', 'starting', 'ready') and s.allocations = 0
      and (not p_outdated or s.state <> 'requested' and s.version < v_version)
    order by array_position(array['requested', 'starting', 'ready'], s.state), s.version, s.server_id desc
    limit p_count
  loop
    perform from orrery.placement p where p.server_id = v_server.server_id for no key update;
    -- an allocation that is under way holds the row
    perform from orrery.server s
    where s.server_id = v_server.server_id and s.state = v_server.state and s.allocations = 0 for update skip locked;
    continue when not found;
    perform orrery.server_stop_now(v_server.server_id, p_reason, 'tick_fleets');
    v_stopped := v_stopped + 1;
  end loop;
  return v_stopped;
end
$$;
comment on function orrery.fleet_shrink(orrery.fleet, bigint, boolean, text) is 'Stops servers of a fleet that nobody has.';

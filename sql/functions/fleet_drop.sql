-- fleet_drop: give up a fleet. Its servers that nobody has stop; those that somebody has go on until they are released.
-- Returns how many stop.
-- Writes: fleet, server.fleet, event; what fleet_shrink writes.   Locks: cluster, fleet, placement, server.
-- Errors: OR001 unknown; those of cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.fleet_drop(p_fleet text, p_cluster text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fleet   orrery.fleet := orrery.fleet_named(p_fleet, p_cluster, replace(format('fleet_drop(%L', p_fleet), '%', '%%') || ', %L)', true);
  v_stopped bigint;
begin
  -- nobody looks at it later: what is busy is waited for, in the order of locks, and before the first is held for being stopped
  perform orrery.servers_lock(array(select s.server_id from orrery.server s where s.cluster = v_fleet.cluster and s.fleet = p_fleet));
  v_stopped := orrery.fleet_shrink(v_fleet, 1000000, false, format('fleet %s is dropped', p_fleet));
  perform orrery.server_stop_now(s.server_id, format('fleet %s is dropped', p_fleet), 'fleet_drop')
  from (
    select s.server_id from orrery.server s where s.cluster = v_fleet.cluster and s.fleet = p_fleet and s.state = 'failed' order by s.kind, s.key) s;
  update orrery.server s set fleet = null where s.cluster = v_fleet.cluster and s.fleet = p_fleet;
  delete from orrery.fleet f where f.cluster = v_fleet.cluster and f.fleet = p_fleet;
  perform orrery.event_add(v_fleet.cluster, 'fleet', p_fleet, 'fleet_drop', format('%s stop', orrery.counted(v_stopped, 'server')));
  return v_stopped;
end
$$;
comment on function orrery.fleet_drop(text, text) is 'Gives up a fleet; returns how many of its servers stop.';
grant execute on function orrery.fleet_drop(text, text) to orrery_admin;

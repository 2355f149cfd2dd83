-- fleet_named: a fleet by name; refused when there is none.
-- p_call: how the caller was called, for cluster_resolve.   p_lock: whether it is to stay as it is.
-- Writes: nothing.   Locks: cluster, fleet, with p_lock.   Errors: OR001 unknown; those of cluster_resolve.
-- Called by: fleet_drop, fleet_resume, fleet_try.
create or replace function orrery.fleet_named(p_fleet text, p_cluster text, p_call text, p_lock boolean) returns orrery.fleet
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text := orrery.cluster_resolve(p_cluster, p_call);
  v_fleet   orrery.fleet;
begin
  if p_lock then
    perform from orrery.cluster c where c.cluster = v_cluster for no key update;
    perform from orrery.fleet f where f.cluster = v_cluster and f.fleet = p_fleet for no key update;
  end if;
  select * into v_fleet from orrery.fleet f where f.cluster = v_cluster and f.fleet = p_fleet;
  if not found then
    perform orrery.fail('OR001', format('cluster %s has no fleet named %L', v_cluster, left(p_fleet, 64)),
      'It has: ' || coalesce((select string_agg(f.fleet, ', ' order by f.fleet) from orrery.fleet f where f.cluster = v_cluster), 'none') || '.', null);
  end if;
  return v_fleet;
end
$$;
comment on function orrery.fleet_named(text, text, text, boolean) is 'A fleet by name.';

-- tick_fleets: once a second: bring each fleet of a cluster that is up to its size. The policies are asked first, when nothing is locked yet:
-- one that hangs holds up nobody, until it is cancelled as a step that hangs is. One that fails is told by an event.
-- Writes: what fleet_advance and tick_failed write.   Locks: theirs.   Errors: none.
-- Called by: tick_step
create or replace function orrery.tick_fleets() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_due    timestamptz := orrery.clock() - make_interval(secs => orrery.setting('policy_retry_ms')::float8 / 1000);
  v_fleet  orrery.fleet;
  v_said   jsonb := '{}'::jsonb;
  v_detail text;
begin
  for v_fleet in
    select f.* from orrery.fleet f join orrery.cluster c on c.cluster = f.cluster
    where c.state in ('starting', 'running') and coalesce(f.fault_at <= v_due, true) order by f.cluster, f.fleet
  loop
    select v_said || jsonb_build_object(v_fleet.cluster || '/' || v_fleet.fleet,
      jsonb_build_object('policy', v_fleet.policy, 'args', v_fleet.policy_args, 'size', s.size, 'fault', s.fault)) into v_said
    from orrery.fleet_size(v_fleet, orrery.fleet_counts(v_fleet)) s;
  end loop;
  for v_fleet in
    select f.* from orrery.fleet f join orrery.cluster c on c.cluster = f.cluster where c.state in ('starting', 'running') order by f.cluster, f.fleet
  loop
    begin
      perform orrery.fleet_advance(v_fleet.cluster, v_fleet.fleet, v_said -> (v_fleet.cluster || '/' || v_fleet.fleet));
    exception when others then
      get stacked diagnostics v_detail = pg_exception_detail;
      perform orrery.tick_failed('fleet', v_fleet.fleet, v_fleet.cluster, sqlstate, sqlerrm, jsonb_build_object('detail', left(v_detail, 1000)));
    end;
  end loop;
end
$$;
comment on function orrery.tick_fleets() is 'Brings each fleet to the size that its policy wants.';

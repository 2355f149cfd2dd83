-- tick_fleets: once a second: bring each fleet of a cluster that is up to its size. Each is named in application_name while its policy
-- is asked; one whose policy hangs is cancelled as a step that hangs is. One that fails is told by an event and holds up no other.
-- Writes: what fleet_advance and tick_failed write.   Locks: theirs.   Errors: none.
-- Called by: tick_step
create or replace function orrery.tick_fleets() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fleet  record;
  v_detail text;
begin
  for v_fleet in
    select f.cluster, f.fleet from orrery.fleet f join orrery.cluster c on c.cluster = f.cluster
    where c.state in ('starting', 'running') order by f.cluster, f.fleet
  loop
    begin
      perform set_config('application_name', left(format('orrery tick: fleets %s', v_fleet.fleet), 63), true);
      perform orrery.fleet_advance(v_fleet.cluster, v_fleet.fleet);
    exception when others then
      get stacked diagnostics v_detail = pg_exception_detail;
      perform orrery.tick_failed('fleet', v_fleet.fleet, v_fleet.cluster, sqlstate, sqlerrm, jsonb_build_object('detail', left(v_detail, 1000)));
    end;
  end loop;
end
$$;
comment on function orrery.tick_fleets() is 'Brings each fleet to the size that its policy wants.';

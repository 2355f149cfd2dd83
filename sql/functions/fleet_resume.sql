-- fleet_resume: let the replacement of a fleet's servers go on that was paused because new ones failed; what failed is tried anew.
-- Writes: what fleet_resume_now writes.   Locks: cluster, fleet, placement, server.
-- Errors: OR001 unknown, OR002 not paused; those of cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.fleet_resume(p_fleet text, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fleet orrery.fleet := orrery.fleet_named(p_fleet, p_cluster, replace(format('fleet_resume(%L', p_fleet), '%', '%%') || ', %L)', true);
begin
  if v_fleet.paused is null then
    perform orrery.fail('OR002', format('fleet %s is not paused', p_fleet), null, 'SELECT * FROM fleet_status');
  end if;
  perform orrery.fleet_resume_now(v_fleet, 'asked by ' || session_user);
end
$$;
comment on function orrery.fleet_resume(text, text) is 'Lets a paused replacement go on.';
grant execute on function orrery.fleet_resume(text, text) to orrery_admin;

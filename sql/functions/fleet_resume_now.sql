-- fleet_resume_now: let replacement go on: what has failed is stopped, and its places are filled anew.
-- Writes: fleet, event; what server_stop_now writes.   Locks: placement, server; the caller holds the cluster's and the fleet's.
-- Errors: none.   Called by: fleet_advance, fleet_resume.
create or replace function orrery.fleet_resume_now(p_fleet orrery.fleet, p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update orrery.fleet f set paused = null, paused_version = null where f.cluster = p_fleet.cluster and f.fleet = p_fleet.fleet;
  perform orrery.event_add(p_fleet.cluster, 'fleet', p_fleet.fleet, 'fleet_resume', p_reason);
  perform orrery.server_stop_now(s.server_id, p_reason, 'fleet_resume')
  from (
    select s.server_id from orrery.server s
    where s.cluster = p_fleet.cluster and s.fleet = p_fleet.fleet and (s.state = 'failed' or s.state = 'requested' and s.failures > 0)
    order by s.cluster, s.kind, s.key) s;
end
$$;
comment on function orrery.fleet_resume_now(orrery.fleet, text) is 'Lets replacement of a fleet''s servers go on.';

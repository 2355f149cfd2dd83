-- fleet_counts: what there is of a fleet, as its policy is given it: {"cluster","fleet","kind","args":policy_args,"size","size_min",
-- "size_max","requested","starting","ready","allocated","failed","outdated"}: servers by state; allocated are those that somebody
-- has, outdated those that start or are ready, that nobody has, of an earlier version of the kind.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: tick_fleets, fleet_advance, fleet_set, fleet_try, fleet_status.
create or replace function orrery.fleet_counts(p_fleet orrery.fleet) returns jsonb
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object('cluster', p_fleet.cluster, 'fleet', p_fleet.fleet, 'kind', p_fleet.kind, 'args', p_fleet.policy_args,
      'size', p_fleet.size, 'size_min', p_fleet.size_min, 'size_max', p_fleet.size_max,
      'requested', count(*) filter (where s.state = 'requested'), 'starting', count(*) filter (where s.state = 'starting'),
      'ready', count(*) filter (where s.state = 'ready'), 'allocated', count(*) filter (where s.allocations > 0 and s.state = 'ready'),
      'failed', count(*) filter (where s.state = 'failed'),
      'outdated', count(*) filter (where s.state in ('starting', 'ready') and s.allocations = 0 and s.version < k.version))
    from orrery.server_kind k
    left join orrery.server s on s.cluster = p_fleet.cluster and s.fleet = p_fleet.fleet and s.state in ('requested', 'starting', 'ready', 'failed')
    where k.cluster = p_fleet.cluster and k.kind = p_fleet.kind);
end
$$;
comment on function orrery.fleet_counts(orrery.fleet) is 'What there is of a fleet, as its policy is given it.';
grant execute on function orrery.fleet_counts(orrery.fleet) to orrery_admin, orrery_viewer;

-- fleet_status: every fleet: how many servers its policy wants, what there is, and what keeps it from being so.
-- spec is what fleet_set would take for the like.
create or replace view orrery.fleet_status as
  select f.cluster, f.fleet, f.kind, f.size,
    (c.counts ->> 'ready')::bigint - (c.counts ->> 'allocated')::bigint as free,
    (c.counts ->> 'allocated')::bigint as allocated,
    (c.counts ->> 'starting')::bigint as starting,
    (c.counts ->> 'requested')::bigint as waiting,
    (c.counts ->> 'failed')::bigint as failed,
    (c.counts ->> 'outdated')::bigint as outdated,
    f.policy || ' ' || f.policy_args as policy,
    nullif(concat_ws('; ',
      f.fault || ', at ' || to_char(f.fault_at, 'HH24:MI:SS'),
      'replacement is paused: ' || f.paused,
      (select s.reason from orrery.server s where s.cluster = f.cluster and s.fleet = f.fleet and s.state = 'requested' and orrery.server_waits_for_room(s.server_id)
        order by s.requested_at, s.server_id limit 1)), '') as waits_for,
    jsonb_build_object('kind', f.kind, 'policy', f.policy, 'policy_args', f.policy_args, 'size_min', f.size_min, 'size_max', f.size_max,
      'cooldown_ms', f.cooldown_ms, 'surge', f.surge, 'unavailable_max', f.unavailable_max) as spec
  from orrery.fleet f, lateral orrery.fleet_counts(f) c (counts)
  order by f.cluster, f.fleet;
comment on view orrery.fleet_status is 'Fleets: size, what there is, and what keeps it from being so.';
grant select on orrery.fleet_status to orrery_viewer, orrery_admin;

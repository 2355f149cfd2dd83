-- kind_status: every kind: what it is, how it is placed and judged, and how many servers of it there are by state.
-- spec is what server_kind_set would take for the like.
create or replace view orrery.kind_status as
  select k.cluster, k.kind, k.role, k.command,
    (select string_agg(p ->> 'name' || ' ' || (p ->> 'protocol') || case when (p ->> 'count')::integer > 1 then ' x' || (p ->> 'count') else '' end, ', ' order by n)
      from jsonb_array_elements(k.ports) with ordinality t (p, n)) as ports,
    k.ready_by, k.placement_function as policy,
    count(s.server_id) filter (where s.state = 'requested') as requested,
    count(s.server_id) filter (where s.state = 'starting') as starting,
    count(s.server_id) filter (where s.state = 'ready') as ready,
    count(s.server_id) filter (where s.state = 'stopping') as stopping,
    count(s.server_id) filter (where s.state = 'failed') as failed,
    k.version,
    jsonb_strip_nulls(to_jsonb(k) - array['cluster', 'kind', 'version']) as spec
  from orrery.server_kind k
  left join orrery.server s on s.cluster = k.cluster and s.kind = k.kind and s.state <> 'stopped'
  group by k.cluster, k.kind
  order by k.cluster, k.kind;
comment on view orrery.kind_status is 'Kinds of servers: what each is, and how many there are by state.';
grant select on orrery.kind_status to orrery_viewer, orrery_admin;

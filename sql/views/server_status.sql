-- server_status: every server that is not stopped, where it is, who is on it, what it waits for; whose it is (allocations: the keys of
-- those that have it), what it counts and its labels.
create or replace view orrery.server_status as
  select s.server_id, s.cluster, s.kind, s.key, s.state, a.name as agent,
    case when a.agent_id is not null then s.public_host || coalesce(':' || s.public_port, '') end as public_address,
    case when a.agent_id is not null then s.private_host || coalesce(':' || s.private_port, '') end as private_address,
    (select count(*) from orrery.session n where n.server_id = s.server_id and n.state <> 'ended')
      + (select count(*) from orrery.attachment t where t.server_id = s.server_id and not t.ended) as sessions,
    date_trunc('second', orrery.clock() - s.state_at) as age,
    s.failures,
    s.reason,
    case when s.state <> 'ready' or a.state = 'lost' or a.drain_at is not null then orrery.server_waits_for(s.server_id) end as waits_for,
    s.fleet,
    (select coalesce(array_agg(l.request order by l.allocation_id), '{}') from orrery.allocation l
      where l.server_id = s.server_id and l.state in ('allocated', 'confirmed')) as allocations,
    s.counters,
    s.labels
  from orrery.server s
  left join orrery.agent a on a.agent_id = s.agent_id and s.state in ('starting', 'ready', 'stopping')
  where s.state <> 'stopped'
  order by s.cluster, s.kind, s.key, s.server_id;
comment on view orrery.server_status is 'Servers that are not stopped: where they are, how many sessions, what they wait for, who has them.';
grant select on orrery.server_status to orrery_viewer, orrery_admin;

-- agent_status: machines, when they were heard of, what is left on them and what is awaited of them. A login of one cluster
-- is shown those that hold a credential of it, and no other cluster's name.
create or replace view orrery.agent_status as
  select a.agent_id, a.name, a.state, a.host,
    round(extract(epoch from orrery.clock() - b.beat_at)::numeric, 1) as heard_ago_s,
    round((b.cpu * 100)::numeric, 1) as cpu_percent,
    b.memory_used_bytes, a.memory_bytes,
    (select count(*) from orrery.server s where s.agent_id = a.agent_id and s.state in ('starting', 'ready', 'stopping')) as servers,
    format('%s of %s', (select count(distinct p.port) from orrery.port p where p.agent_id = a.agent_id and p.server_id is not null and p.port between a.port_min and a.port_max),
      a.port_max - a.port_min + 1) as ports,
    a.public_address, a.private_address,
    case when orrery.login_cluster() = '*' then a.clusters else array[orrery.login_cluster()] end as clusters, a.version, a.reason,
    case
      when a.drain_at is null then null
      when not exists (select from orrery.server s where s.agent_id = a.agent_id and s.state in ('starting', 'ready', 'stopping')) then 'drained'
      else 'drains' || coalesce('; what is left stops at ' || to_char(a.drain_until, 'HH24:MI:SS'), '') end as drain,
    a.listens,
    orrery.agent_waits_for(a.agent_id) as waits_for
  from orrery.agent a
  left join orrery.agent_heartbeat b on b.agent_id = a.agent_id
  where (select orrery.login_cluster()) = any (a.clusters || '*'::text)
  order by a.name;
comment on view orrery.agent_status is 'Agents: state, last heartbeat, load, servers, ports in use, whether they drain, what is awaited of them.';
grant select on orrery.agent_status to orrery_viewer, orrery_admin;

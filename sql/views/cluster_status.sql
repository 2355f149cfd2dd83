-- cluster_status: each cluster, how far it is, and whether anything ticks. `connect` is what a game client is given:
-- cluster@host:port,…#public key,…: the login servers that are ready, 16 at most, and the keys that they hold, newest first.
create or replace view orrery.cluster_status as
  select c.cluster, c.state, c.reason,
    (select count(*) from orrery.server s where s.cluster = c.cluster and s.state = 'ready') as servers_ready,
    (select count(*) from orrery.server s where s.cluster = c.cluster and s.state in ('requested', 'starting', 'ready', 'stopping')) as servers,
    (select count(*) from orrery.session s where s.cluster = c.cluster and s.state <> 'ended') as sessions,
    c.shutdown_at,
    case when c.state = 'shutting_down' then date_trunc('second', greatest(c.shutdown_at - orrery.clock(), '0')) end as stops_in,
    (select format('%s@%s#%s', c.cluster, l.servers, k.keys)
     from (
       select string_agg(format('%s:%s', case when s.public_host ~ ':' then format('[%s]', s.public_host) else s.public_host end, s.public_port),
         ',' order by s.server_id) filter (where s.nth <= 16) as servers
       from (
         select s.server_id, s.public_host, s.public_port, row_number() over (order by s.server_id) as nth
         from orrery.placement p
         join orrery.server s on s.server_id = p.server_id and s.state = 'ready'
         join orrery.server_kind k on k.cluster = p.cluster and k.kind = p.kind and k.role = 'login'
         where p.cluster = c.cluster and s.public_port is not null) s) l
     cross join (
       select string_agg(encode(k.public_key, 'hex'), ',' order by k.made_at desc, k.public_key) as keys
       from orrery.cluster_key k where k.cluster = c.cluster and k.held_at is not null) k
     where l.servers is not null and k.keys is not null) as connect,
    case
      when t.tick_at is null then 'never ticked: is pg_cron running?'
      when orrery.clock() - t.tick_at > make_interval(secs => orrery.setting('tick_late_ms')::float8 / 1000)
        then format('no tick for %s s: is pg_cron running?', round(extract(epoch from orrery.clock() - t.tick_at)))
      else 'ok' end as tick,
    case when c.state = 'stopping' then (
      select string_agg(format('%s %s: %s', w.kind, w.key, orrery.server_waits_for(w.server_id)), '; ' order by w.server_id)
      from (select s.server_id, s.kind, s.key from orrery.server s
            where s.cluster = c.cluster and s.state not in ('stopped', 'failed') order by s.server_id limit 5) w)
    when c.state in ('starting', 'running', 'shutting_down') then (
      select string_agg(format('%s %s is %s', k.kind, k.always_on_key, coalesce(s.state || ': ' || s.reason, 'not requested')), '; ' order by k.kind)
      from orrery.server_kind k
      left join orrery.placement p on p.cluster = k.cluster and p.kind = k.kind and p.key = k.always_on_key
      left join orrery.server s on s.server_id = p.server_id
      where k.cluster = c.cluster and k.always_on_key is not null and s.state is distinct from 'ready') end as waits_for
  from orrery.cluster c
  cross join (select orrery.tick_at() as tick_at) t
  order by c.cluster;
comment on view orrery.cluster_status is 'Clusters: state, servers, sessions, countdown, connect string, health of the tick, what it waits for: always-on servers that are not ready, or servers that have not exited.';
grant select on orrery.cluster_status to orrery_viewer, orrery_admin;

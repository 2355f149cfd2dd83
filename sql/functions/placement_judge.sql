-- placement_judge: every agent that holds a credential of a cluster, as a place for a server of a kind: why not, or how good.
-- Not suitable: not up, draining, not heard of within the lease; lacks a label, memory, cpu or room for one more
-- (servers_max); the fixed port is taken; one of
-- the kind runs where it must be apart from it; the policy refuses. Ports of the range are left to port_lack, which costs more.
-- p_failed_on: the agent on which it ended by itself, taken only when no other is suitable: perhaps it is the machine.
-- p_agent_id: only this one, which costs what is on it instead of what is on all.
-- Best first. `fault`: how the policy failed (placement_score).
-- Writes: nothing.   Locks: none; server_place looks again under the agent's lock.
-- Errors: none.      Called by: placement_pick, placement_explain.
create or replace function orrery.placement_judge(p_kind orrery.server_kind, p_failed_on bigint default null, p_agent_id bigint default null)
returns table (agent_id bigint, agent text, no text, score double precision, reserved double precision, fault text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := orrery.clock();
  v_lease_ms bigint := orrery.setting('lease_ms');
  v_kind     jsonb := to_jsonb(p_kind);
  v_own      boolean := p_kind.placement_function in ('orrery.placement_spread', 'orrery.placement_packed');
begin
  return query
    with twin as (
      select s.agent_id, count(*) as servers
      from orrery.server s
      where s.cluster = p_kind.cluster and s.kind = p_kind.kind and s.state in ('starting', 'ready', 'stopping')
        and (p_kind.apart is not null or not v_own)
      group by s.agent_id
    ), judged as (
      select a.agent_id, a.name, coalesce(b.cpu, 0) as cpu, coalesce(h.servers, 0) as servers, coalesce(t.servers, 0) as of_kind,
        a.labels, a.cpus, a.memory_bytes,
        greatest(coalesce(h.memory_bytes, 0)::float8 / a.memory_bytes, coalesce(h.cpu_millis, 0)::float8 / (a.cpus::bigint * 1000)) as reserved,
        case
          when a.state <> 'up' then 'is ' || a.state
          when a.drain_at is not null then 'is draining'
          when b.beat_at is null or b.beat_at < v_now - make_interval(secs => greatest(v_lease_ms, a.lease_ms)::float8 / 1000) then 'is not heard of'
          when not a.labels @> p_kind.agent_labels then (
            select format('lacks label %s=%s', l.key, l.value) from jsonb_each_text(p_kind.agent_labels) l
            where a.labels ->> l.key is distinct from l.value order by l.key limit 1)
          when coalesce(h.memory_bytes, 0) + p_kind.memory_bytes > a.memory_bytes then 'has no memory left'
          when coalesce(h.cpu_millis, 0) + p_kind.cpu_millis > a.cpus::bigint * 1000 then 'has no cpu left'
          when coalesce(h.servers, 0) >= a.servers_max then format('has its %s already', orrery.counted(a.servers_max, 'server'))
          when exists (select from orrery.port p where p.agent_id = a.agent_id and p.protocol = p_kind.ports -> 0 ->> 'protocol' and p.server_id is not null
              and p.port between p_kind.public_port and p_kind.public_port + (p_kind.ports -> 0 ->> 'count')::integer - 1)
            then format('has port %s taken', p_kind.public_port)
          when p_kind.apart = 'agent' and t.servers > 0 then 'has one of the kind already'
          when p_kind.apart <> 'agent' and not a.labels ? p_kind.apart then 'lacks label ' || p_kind.apart
          when p_kind.apart <> 'agent' and exists (
              select from twin w join orrery.agent o on o.agent_id = w.agent_id where o.labels ->> p_kind.apart = a.labels ->> p_kind.apart)
            then format('is of %s %s, which has one of the kind already', p_kind.apart, a.labels ->> p_kind.apart)
        end as no
      from orrery.agent a
      left join orrery.agent_heartbeat b on b.agent_id = a.agent_id
      cross join lateral (
        select sum(s.memory_bytes) as memory_bytes, sum(s.cpu_millis) as cpu_millis, count(*) as servers
        from orrery.server s where s.agent_id = a.agent_id and s.state in ('starting', 'ready', 'stopping')) h
      left join twin t on t.agent_id = a.agent_id
      -- the others are none of this cluster's business, nor are their names
      where p_kind.cluster = any (a.clusters) and a.agent_id = coalesce(p_agent_id, a.agent_id)
    ), scored as (
      -- as placement_spread and placement_packed would say, without a call for each agent
      select j.*, case when j.no is null and v_own
          then case p_kind.placement_function when 'orrery.placement_packed' then j.reserved else -j.reserved end - j.cpu / 1000
          else v.score end as score, v.fault
      from judged j
      left join lateral orrery.placement_score(p_kind.placement_function, v_kind, jsonb_build_object('agent', j.name, 'labels', j.labels,
        'reserved', j.reserved, 'cpu', j.cpu, 'servers', j.servers, 'of_kind', j.of_kind, 'cpus', j.cpus, 'memory_bytes', j.memory_bytes)) v
        on j.no is null and not v_own
    )
    select s.agent_id, s.name, coalesce(s.no, case when s.score is null then 'is refused by ' || p_kind.placement_function end), s.score,
      s.reserved, s.fault
    from scored s
    order by s.score is null, s.agent_id is not distinct from p_failed_on, s.score desc, s.agent_id;
end
$$;
comment on function orrery.placement_judge(orrery.server_kind, bigint, bigint) is 'Every agent as a place for a server of a kind: why not, or its score.';

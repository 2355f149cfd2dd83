-- placement_pick: the least loaded agent on which a server of a kind can run now, or null; and why, in words.
-- Suitable: up, not draining, heard of within the lease, holds a credential of the cluster, has cpu and memory that no server reserved,
-- has the fixed public port of the kind free, and enough ports of its range. Least loaded: by what is reserved, then by cpu.
-- p_failed_on: the agent on which it ended by itself, taken only when no other is suitable: perhaps it is the machine.
-- Writes: nothing.   Locks: none; server_place checks again under the agent's lock.
-- Errors: none.      Called by: server_place, tick_drains, server_waits_for.
create or replace function orrery.placement_pick(
  p_cluster text, p_kind text, p_failed_on bigint default null, out agent_id bigint, out reason text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := orrery.clock();
  v_lease_ms bigint := orrery.setting('lease_ms');
  v_kind  orrery.server_kind;
  v_no    text[];
  v_yes   bigint;
  v_all   bigint;
  v_reserved float8;
begin
  select * into v_kind from orrery.server_kind k where k.cluster = p_cluster and k.kind = p_kind;
  with held as (
    select s.agent_id, sum(k.memory_bytes) as memory_bytes, sum(k.cpu_millis) as cpu_millis
    from orrery.server s join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind
    where s.state in ('starting', 'ready', 'stopping')
    group by s.agent_id
  ), judged as (
    select a.agent_id, a.name, b.cpu,
      greatest(coalesce(h.memory_bytes, 0)::float8 / a.memory_bytes, coalesce(h.cpu_millis, 0)::float8 / (a.cpus::bigint * 1000)) as reserved,
      case
        when a.state <> 'up' then 'is ' || a.state
        when a.drain_at is not null then 'is draining'
        when b.beat_at is null or b.beat_at < v_now - make_interval(secs => greatest(v_lease_ms, a.lease_ms)::float8 / 1000) then 'is not heard of'
        when coalesce(h.memory_bytes, 0) + v_kind.memory_bytes > a.memory_bytes then 'has no memory left'
        when coalesce(h.cpu_millis, 0) + v_kind.cpu_millis > a.cpus::bigint * 1000 then 'has no cpu left'
        when exists (select from orrery.port p where p.agent_id = a.agent_id and p.protocol = 'udp' and p.port = v_kind.public_port)
          then format('has port %s taken', v_kind.public_port)
        when a.port_max - a.port_min + 1
          - (select count(*) from orrery.port p where p.agent_id = a.agent_id and p.protocol = 'udp' and p.port between a.port_min and a.port_max)
          < case when v_kind.public_port is null then 2 else 1 end then 'has no port left'
      end as no
    from orrery.agent a
    left join orrery.agent_heartbeat b on b.agent_id = a.agent_id
    left join held h on h.agent_id = a.agent_id
    -- the others are none of this cluster's business, nor are their names
    where p_cluster = any (a.clusters)
  )
  select (array_agg(j.agent_id order by j.agent_id is not distinct from p_failed_on, j.reserved, j.cpu, j.agent_id) filter (where j.no is null))[1],
    (array_agg(j.reserved order by j.agent_id is not distinct from p_failed_on, j.reserved, j.cpu, j.agent_id) filter (where j.no is null))[1],
    count(*) filter (where j.no is null), count(*),
    array_agg(j.name || ' ' || j.no order by j.name) filter (where j.no is not null)
  into placement_pick.agent_id, v_reserved, v_yes, v_all, v_no
  from judged j;
  reason := case
    when placement_pick.agent_id is null then 'no agent with room: ' || coalesce(array_to_string(v_no[1:5], ', ')
      || case when cardinality(v_no) > 5 then format(' and %s more', cardinality(v_no) - 5) else '' end,
      case when exists (select from orrery.agent) then 'none holds a credential of ' || p_cluster else 'none is registered' end)
    when v_yes = 1 then case when v_all = 1 then 'the only agent' else format('the only one of %s with room', v_all) end
    else format('least loaded of %s', v_yes) end
    || case when placement_pick.agent_id is null then '' else format(': %s %% reserved', round((v_reserved * 100)::numeric)) end;
end
$$;
comment on function orrery.placement_pick(text, text, bigint) is 'The least loaded agent with room for a kind of server, and why it or why none.';

-- server_waits_for: what a server waits for before it is where it should be, in words; null when it waits for nothing.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: server_status, server_why, agent_waits_for, cluster_status.
create or replace function orrery.server_waits_for(p_server_id bigint) returns text
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_server  orrery.server;
  v_kind    orrery.server_kind;
  v_agent   orrery.agent;
  v_command orrery.command;
  v_heard   timestamptz;
  v_where   text;
  v_on_it   bigint;
  v_why     text;
begin
  select * into v_server from orrery.server s where s.server_id = p_server_id;
  select * into v_agent from orrery.agent a where a.agent_id = v_server.agent_id;
  select b.beat_at into v_heard from orrery.agent_heartbeat b where b.agent_id = v_server.agent_id;
  v_where := 'agent ' || v_agent.name || case
    when v_agent.state <> 'up' then ', which is ' || v_agent.state
    when v_heard < v_now - make_interval(secs => 2 * orrery.setting('heartbeat_ms')::float8 / 1000)
      then format(', not heard of for %s s', round(extract(epoch from v_now - v_heard)))
    else '' end;
  if v_server.state in ('starting', 'ready', 'stopping') and v_agent.state = 'lost' then
    return format('the return of agent %s, lost since %s; when its machine is off: SELECT agent_fence(%L)', v_agent.name,
      to_char(v_agent.state_at, 'HH24:MI:SS'), v_agent.name);
  end if;
  if v_server.state in ('starting', 'stopping') then
    select * into v_command from orrery.command c
    where c.server_id = p_server_id and c.epoch = v_server.epoch and c.verb = case v_server.state when 'starting' then 'start' else 'stop' end
    order by c.command_id desc limit 1;
  end if;
  case v_server.state
    when 'requested' then
      return case
        when v_server.reason like 'no agent with room: %' then regexp_replace(v_server.reason, '^no agent with room: (.*)$', 'an agent with room (\1)')
        when v_server.try_at > v_now then format('its next start in %s s', round(extract(epoch from v_server.try_at - v_now)::numeric, 1))
        else 'the next tick, to be placed' end;
    when 'starting' then
      return case
        when v_command.state = 'pending' then format('its start to be fetched by %s', v_where)
        when v_command.state = 'claimed' then format('its start by %s%s', v_where,
          case when v_command.attempts > 1 then format(', told %s times', v_command.attempts) else '' end)
        else 'READY' end
        || coalesce(', until ' || to_char(v_server.deadline_at, 'HH24:MI:SS'), '');
    when 'stopping' then
      return case
        when v_command.state = 'pending' then format('its stop to be fetched by %s', v_where)
        else format('its exit, reported by %s%s', v_where,
          case when v_command.attempts > 1 then format(', told %s times', v_command.attempts) else '' end) end;
    when 'failed' then
      return case when v_server.fleet is null
        then format('being asked for again: SELECT server_request(%L, %L, %L)', v_server.kind, v_server.key, v_server.cluster)
        else format('its fleet to go on: SELECT fleet_resume(%L, %L)', v_server.fleet, v_server.cluster) end;
    when 'ready' then
      if v_agent.drain_at is null then
        return null;
      end if;
      select count(*) into v_on_it from (
        select from orrery.session n where n.server_id = p_server_id and n.state <> 'ended'
        union all
        select from orrery.attachment t where t.server_id = p_server_id and not t.ended) x;
      select * into v_kind from orrery.server_kind k where k.cluster = v_server.cluster and k.kind = v_server.kind;
      if v_on_it > 0 then
        v_why := orrery.counted(v_on_it, 'player') || ' to leave';
      elsif v_kind.always_on_key is not distinct from v_server.key or v_kind.idle_stop_ms is null then
        select regexp_replace(p.reason, '^no agent with room: (.*)$', 'an agent with room (\1)') into v_why
        from orrery.placement_pick(v_server.cluster, v_server.kind) p where p.agent_id is null;
      end if;
      return format('%s, since %s drains%s', coalesce(v_why, 'the next second, to be stopped'), v_agent.name,
        coalesce(', until ' || to_char(v_agent.drain_until, 'HH24:MI:SS'), ''));
    else
      return null;
  end case;
end
$$;
comment on function orrery.server_waits_for(bigint) is 'What a server waits for, in words; null: nothing.';
grant execute on function orrery.server_waits_for(bigint) to orrery_admin, orrery_viewer;

-- agent_waits_for: what an agent waits for, or what is awaited of it, in words; null when that is nothing, or when the login
-- sees no cluster of the agent's.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: agent_status.
create or replace function orrery.agent_waits_for(p_agent_id bigint) returns text
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := orrery.clock();
  v_beats    interval := make_interval(secs => 2 * orrery.setting('heartbeat_ms')::float8 / 1000);
  v_agent    orrery.agent;
  v_heard    timestamptz;
  v_commands bigint;
  v_servers  bigint;
  v_words    text;
begin
  select * into v_agent from orrery.agent a
  where a.agent_id = p_agent_id and (select orrery.login_cluster()) = any (a.clusters || '*'::text);
  if not found then
    return null;
  end if;
  select b.beat_at into v_heard from orrery.agent_heartbeat b where b.agent_id = p_agent_id;
  select count(*) into v_servers from orrery.server s where s.agent_id = p_agent_id and s.state in ('starting', 'ready', 'stopping');
  select count(*) into v_commands from orrery.command c
  where c.agent_id = p_agent_id and c.state = 'pending' and c.created_at < v_now - v_beats;
  select string_agg(w.words, '; ' order by w.n)
    || case when count(*) < v_servers and v_agent.drain_at is not null then format('; and %s', orrery.counted(v_servers - count(*), 'more server')) else '' end
  into v_words
  from (
    select row_number() over (order by s.cluster, s.kind, s.key) as n, format('%s %s: %s', s.kind, s.key, orrery.server_waits_for(s.server_id)) as words
    from orrery.server s
    where s.agent_id = p_agent_id and s.state in ('starting', 'ready', 'stopping') and v_agent.state = 'up' and v_agent.drain_at is not null
    order by s.cluster, s.kind, s.key limit 5) w;
  return nullif(concat_ws('; ',
    case
      when v_agent.state = 'lost' then 'its return' || case when v_servers > 0 then format(': %s on it; when its machine is off: SELECT agent_fence(%L)',
        orrery.counted(v_servers, 'server'), v_agent.name) else '' end
      when v_agent.state = 'stopped' and v_servers > 0 then format('its registration or its loss: %s not accounted for', orrery.counted(v_servers, 'server'))
      when v_agent.state = 'up' and v_heard < v_now - v_beats then format('a heartbeat: it is judged lost at %s',
        to_char(v_heard + make_interval(secs => (greatest(v_agent.lease_ms, orrery.setting('lease_ms')) + orrery.setting('lease_margin_ms'))::float8 / 1000), 'HH24:MI:SS')) end,
    case when v_commands > 0 then format('%s to be fetched', orrery.counted(v_commands, 'command')) end,
    v_words), '');
end
$$;
comment on function orrery.agent_waits_for(bigint) is 'What an agent waits for, or what is awaited of it, in words; null: nothing.';
grant execute on function orrery.agent_waits_for(bigint) to orrery_admin, orrery_viewer;

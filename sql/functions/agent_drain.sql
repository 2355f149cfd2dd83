-- agent_drain: place nothing more on an agent and empty it: its empty servers stop, what is always on moves where there is
-- room. What has players stays until it is empty, or until p_seconds have passed (null: for as long as it takes). It drains
-- until agent_resume, whatever becomes of the agent meanwhile; a second drain replaces the deadline.
-- Returns the event to watch, and says in words what is on it.
-- Writes: agent, event; tick_drains does the rest.   Locks: agent.
-- Errors: OR001 unknown, OR003 null or out of range, OR010 login of one cluster.   Called by: DBA, CLI.
create or replace function orrery.agent_drain(p_agent text, p_seconds integer default null) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := orrery.clock();
  v_agent orrery.agent;
  v_until timestamptz;
  v_words text;
begin
  if p_seconds < 0 or p_seconds > orrery.setting('shutdown_s_max') then
    perform orrery.fail('OR003', format('an agent cannot be drained in %s seconds', p_seconds),
      format('The time is between 0 and %s seconds, or null: until it is empty.', orrery.setting('shutdown_s_max')), 'SELECT agent_drain(''…'', 300)');
  end if;
  v_agent := orrery.agent_named(p_agent, 'agent_drain');
  v_until := v_now + make_interval(secs => p_seconds);
  update orrery.agent a set drain_at = coalesce(a.drain_at, v_now), drain_until = v_until where a.agent_id = v_agent.agent_id;
  v_words := format('%s drains: %s with %s on it; nothing more is placed there; %s', v_agent.name,
    orrery.counted((select count(*) from orrery.server s where s.agent_id = v_agent.agent_id and s.state in ('starting', 'ready', 'stopping')), 'server'),
    orrery.counted((select count(*) from orrery.session n join orrery.server s on s.server_id = n.server_id
      where s.agent_id = v_agent.agent_id and s.state in ('starting', 'ready', 'stopping') and n.state <> 'ended'), 'player'),
    case when v_until is null then 'what is not empty stays until it is'
      else format('what is left stops at %s', to_char(v_until, case when v_until::date = v_now::date then 'HH24:MI:SS' else 'YYYY-MM-DD HH24:MI:SS' end)) end);
  raise notice '%; watch: SELECT * FROM agent_status; undo: SELECT agent_resume(%)', v_words, quote_literal(v_agent.name);
  return orrery.event_add(null, 'agent', v_agent.agent_id::text, 'agent_drain', v_words,
    jsonb_build_object('seconds', p_seconds, 'drain_until', v_until, 'replaces', v_agent.drain_until, 'login', session_user));
end
$$;
comment on function orrery.agent_drain(text, integer) is 'Places nothing more on an agent and empties it; returns the event to watch.';
grant execute on function orrery.agent_drain(text, integer) to orrery_admin;

-- agent_resume: an agent that drains takes servers again. What was stopped or moved is not brought back.
-- Returns the event, and says in words what is left on it.
-- Writes: agent, event.   Locks: agent.
-- Errors: OR001 unknown, OR002 not draining, OR003 null, OR010 login of one cluster.   Called by: DBA, CLI.
create or replace function orrery.agent_resume(p_agent text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent orrery.agent := orrery.agent_named(p_agent, 'agent_resume');
  v_words text;
begin
  if v_agent.drain_at is null then
    perform orrery.fail('OR002', format('agent %s does not drain', v_agent.name), format('It is %s.', v_agent.state),
      format('SELECT agent_drain(%L)', v_agent.name));
  end if;
  update orrery.agent a set drain_at = null, drain_until = null where a.agent_id = v_agent.agent_id;
  v_words := format('%s takes servers again%s; %s on it', v_agent.name, case when v_agent.state <> 'up' then format(' when it is up; it is %s', v_agent.state) else '' end,
    orrery.counted((select count(*) from orrery.server s where s.agent_id = v_agent.agent_id and s.state in ('starting', 'ready', 'stopping')), 'server'));
  raise notice '%; undo: SELECT agent_drain(%)', v_words, quote_literal(v_agent.name);
  return orrery.event_add(null, 'agent', v_agent.agent_id::text, 'agent_resume', v_words,
    jsonb_build_object('drained_since', v_agent.drain_at, 'drain_until', v_agent.drain_until, 'login', session_user));
end
$$;
comment on function orrery.agent_resume(text) is 'Lets an agent that drains take servers again; returns the event.';
grant execute on function orrery.agent_resume(text) to orrery_admin;

-- agent_named: the agent that a verb names, locked; for verbs that concern a whole machine.
-- Writes: nothing.   Locks: agent.
-- Errors: OR001 unknown, OR003 null, OR010 login of one cluster.   Called by: agent_drain, agent_resume, agent_fence, agent_release.
create or replace function orrery.agent_named(p_agent text, p_verb text) returns orrery.agent
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent orrery.agent;
begin
  perform orrery.login_everywhere(p_verb);
  if p_agent is null then
    perform orrery.fail('OR003', 'which agent?', format('%s names one.', p_verb), 'SELECT * FROM agent_status');
  end if;
  select * into v_agent from orrery.agent a where a.name = p_agent for no key update;
  if not found then
    perform orrery.fail('OR001', format('no agent named %L', left(p_agent, 64)),
      format('There are: %s.', coalesce((
        select string_agg(n.name, ', ' order by n.name) from (select a.name from orrery.agent a order by a.name limit 20) n), 'none')),
      'SELECT * FROM agent_status');
  end if;
  return v_agent;
end
$$;
comment on function orrery.agent_named(text, text) is 'The agent that a verb names, locked.';

-- agent_release: forget which machine holds an agent's name, so that another may take it: the next that registers pins its
-- own identity. Only of an agent that is lost or stopped and has no servers.
-- Returns the event, and says in words what follows.
-- Writes: agent, agent_heartbeat.told_to, event.   Locks: agent, agent_heartbeat.
-- Errors: OR001 unknown, OR002 up, with servers or released already, OR003 null, OR010 login of one cluster.   Called by: DBA, CLI.
create or replace function orrery.agent_release(p_agent text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent   orrery.agent := orrery.agent_named(p_agent, 'agent_release');
  v_servers bigint;
  v_words   text;
begin
  if v_agent.state = 'up' then
    perform orrery.fail('OR002', format('agent %s is up', v_agent.name), format('It runs on host %s.', v_agent.host),
      'Stop that agent first, or wait until it is judged lost: SELECT * FROM agent_status');
  end if;
  select count(*) into v_servers from orrery.server s where s.agent_id = v_agent.agent_id and s.state in ('starting', 'ready', 'stopping');
  if v_servers > 0 then
    perform orrery.fail('OR002', format('agent %s has %s', v_agent.name, orrery.counted(v_servers, 'server')),
      'They would be nobody''s: what runs on a machine is known by its agent.',
      format('When the machine is off for certain: SELECT agent_fence(%L)', v_agent.name));
  end if;
  if v_agent.identity_hash is null then
    perform orrery.fail('OR002', format('agent %s is released already', v_agent.name), 'The next machine that registers under this name holds it.', null);
  end if;
  update orrery.agent a set identity_hash = null, token_hash = sha256(orrery.random_bytes(32)), listens = false
  where a.agent_id = v_agent.agent_id;
  update orrery.agent_heartbeat b set told_to = null where b.agent_id = v_agent.agent_id;
  v_words := format('the name %s is free: the next machine that registers under it holds it', v_agent.name);
  raise notice '%', v_words;
  return orrery.event_add(null, 'agent', v_agent.agent_id::text, 'agent_release', v_words,
    jsonb_build_object('host', v_agent.host, 'login', session_user));
end
$$;
comment on function orrery.agent_release(text) is 'Lets another machine take the name of a lost or stopped agent; returns the event.';
grant execute on function orrery.agent_release(text) to orrery_admin;

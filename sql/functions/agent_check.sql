-- agent_check: the check that every call of an agent begins with; the agent's row.
-- Writes: nothing.   Locks: none.
-- Errors: OR001 unknown, or fenced meanwhile: it registers anew; OR004 wrong token; OR010 a login that does not see every
-- cluster of the agent.
-- Called by: agent_heartbeat, agent_report.
create or replace function orrery.agent_check(p_agent_id bigint, p_token text) returns orrery.agent
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_login text := orrery.login_cluster();
  v_agent orrery.agent;
begin
  select * into v_agent from orrery.agent a where a.agent_id = p_agent_id;
  if not found then
    perform orrery.fail('OR001', format('no agent %s', coalesce(p_agent_id::text, 'null')), null, 'An agent registers first.');
  end if;
  if v_login is null or v_login <> '*' and v_agent.clusters <> array[v_login] then
    perform orrery.fail('OR010', format('agent %s is not this login''s cluster''s', p_agent_id),
      format('Login %s sees %s.', session_user, coalesce('cluster ' || v_login, 'no cluster')),
      format('SELECT cluster_grant(''*'', %L)', session_user));
  end if;
  if p_token is null or v_agent.token_hash <> sha256(convert_to(p_token, 'UTF8')) then
    if v_agent.state = 'lost' and v_agent.identity_hash is not null then
      perform orrery.fail('OR001', format('agent %s is lost and its token void', v_agent.name), v_agent.reason, 'It registers anew.');
    end if;
    perform orrery.fail('OR004', format('agent %s: wrong token', v_agent.name),
      format('Another process registered as %s at %s.', v_agent.name, to_char(v_agent.registered_at, 'YYYY-MM-DD HH24:MI:SS')),
      'One agent runs under a name; end this one or give it another name.');
  end if;
  return v_agent;
end
$$;
comment on function orrery.agent_check(bigint, text) is 'Checks an agent''s token and returns its row.';

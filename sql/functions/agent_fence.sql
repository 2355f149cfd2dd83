-- agent_fence: the operator's word that an agent's machine is off. All its servers, those that hold on isolation too, are
-- taken as exited now and placed elsewhere under new epochs; its token is void. Should it return it registers anew, and what
-- it still runs is not known under its epoch and stopped.
-- Returns the event to watch, and says in words what becomes of its servers.
-- Writes: agent, agent_heartbeat, event; what server_exited writes.
-- Locks: the incarnation row when it is raised; every cluster, since more may be placed on it before it is locked; agent, agent_heartbeat, then those of server_exited.
-- Errors: OR001 unknown, OR002 heard of within the lease, OR003 null, OR010 login of one cluster.   Called by: DBA, CLI.
create or replace function orrery.agent_fence(p_agent text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_lease  interval;
  v_agent  orrery.agent;
  v_heard  timestamptz;
  v_gone   bigint[];
  v_server orrery.server;
  v_words  text;
  v_event  bigint;
begin
  perform orrery.login_everywhere('agent_fence');
  perform orrery.incarnation_current();
  perform from orrery.cluster c order by c.cluster for no key update;
  v_agent := orrery.agent_named(p_agent, 'agent_fence');
  v_lease := make_interval(secs => greatest(v_agent.lease_ms, orrery.setting('lease_ms'))::float8 / 1000);
  select b.beat_at into v_heard from orrery.agent_heartbeat b where b.agent_id = v_agent.agent_id for no key update;
  if not found and v_agent.state <> 'lost' then
    -- heartbeats do not survive a crash of the database: it may have been heard of just before
    v_heard := v_now;
  end if;
  if v_heard > v_now - v_lease then
    perform orrery.fail('OR002', format('agent %s is not off', v_agent.name),
      format('It was heard of %s s ago, and may run its servers for %s s more.', round(extract(epoch from greatest(v_now - v_heard, '0')), 1),
        ceil(extract(epoch from v_heard + v_lease - v_now))),
      format('When its machine is off for certain, in %s s: SELECT agent_fence(%L)', ceil(extract(epoch from v_heard + v_lease - v_now)), v_agent.name));
  end if;
  select array_agg(s.server_id order by s.server_id) into v_gone
  from orrery.server s where s.agent_id = v_agent.agent_id and s.state in ('starting', 'ready', 'stopping');
  v_words := format('%s is fenced: its %s taken as gone', v_agent.name,
    case cardinality(v_gone) when 1 then '1 server is' else coalesce(cardinality(v_gone), 0) || ' servers are' end);
  update orrery.agent a
  set state = 'lost', rule = 'agent_fence', reason = format('fenced by %s: the machine is off', session_user),
      token_hash = sha256(orrery.random_bytes(32)), listens = false
  where a.agent_id = v_agent.agent_id;
  update orrery.agent_heartbeat b set digest = null, told_to = null where b.agent_id = v_agent.agent_id;
  v_event := orrery.event_add(null, 'agent', v_agent.agent_id::text, 'agent_fence', v_words,
    jsonb_build_object('servers', coalesce(to_jsonb(v_gone), '[]'), 'heard_at', v_heard, 'login', session_user));
  perform orrery.servers_lock(v_gone);
  perform orrery.sessions_lock(v_gone);
  for v_server in
    select s.* from orrery.server s where s.server_id = any(v_gone) order by s.server_id
  loop
    perform orrery.server_exited(v_server.server_id, v_server.epoch, 'agent_fence', format('its agent %s is fenced', v_agent.name));
  end loop;
  raise notice '%, % wanted elsewhere; watch: SELECT * FROM server_status. There is no undo: should the machine return, what it still runs is stopped',
    v_words, (select count(*) from orrery.server s where s.server_id = any(v_gone) and s.state = 'requested');
  return v_event;
end
$$;
comment on function orrery.agent_fence(text) is 'The operator''s word that a machine is off: its servers are placed elsewhere; returns the event.';
grant execute on function orrery.agent_fence(text) to orrery_admin;

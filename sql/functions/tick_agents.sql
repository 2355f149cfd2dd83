-- tick_agents: once a second: see who listens for doorbells; judge agents that were not heard of for lease + margin lost,
-- and their servers exited. The lease is the longer of what the setting says now and what the agent was told. Only when the
-- tick has run without a gap for as long (p_continuous_since), so that no silence of the database is taken for theirs. An agent
-- without a heartbeat row (they do not survive a crash) gets one and is not judged. One that was told to stop is judged only while servers of it are not accounted for. Servers of kinds that hold on
-- isolation stay, unless their start was never handed out: then they are planned anew.
-- Writes: agent, agent_heartbeat, event; what server_exited and agent_listeners write.
-- Locks: cluster, agent, agent_heartbeat, then those of server_exited; the first three are not waited for.
-- Errors: none.   Called by: tick_step.
create or replace function orrery.tick_agents(p_continuous_since timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now       timestamptz := orrery.clock();
  v_lease_ms  bigint := orrery.setting('lease_ms');
  v_margin_ms bigint := orrery.setting('lease_margin_ms');
  v_agent     record;
  v_locked    text[];
  v_gone      bigint[] := '{}'::bigint[];
  v_server    orrery.server;
begin
  if exists (select from orrery.agent a where a.state <> 'lost' and not exists (
      select from orrery.agent_heartbeat b where b.agent_id = a.agent_id)) then
    insert into orrery.agent_heartbeat (agent_id, beat_at, cpu, memory_used_bytes)
    select a.agent_id, v_now, 0, 0 from orrery.agent a where a.state <> 'lost'
    on conflict (agent_id) do nothing;
  end if;
  perform orrery.agent_listeners();
  for v_agent in
    select a.agent_id, v_now - make_interval(secs => (greatest(v_lease_ms, a.lease_ms) + v_margin_ms)::float8 / 1000) as silent_at,
      greatest(v_lease_ms, a.lease_ms) + v_margin_ms as silence_ms
    from orrery.agent a join orrery.agent_heartbeat b on b.agent_id = a.agent_id
    where p_continuous_since is not null and b.beat_at < v_now - make_interval(secs => (greatest(v_lease_ms, a.lease_ms) + v_margin_ms)::float8 / 1000)
      and (a.state = 'up' or a.state = 'stopped' and exists (
        select from orrery.server s where s.agent_id = a.agent_id and s.state in ('starting', 'ready', 'stopping')))
    order by a.agent_id
  loop
    continue when p_continuous_since > v_agent.silent_at;
    -- the tick waits for nobody: what is busy is judged a second later
    v_locked := array(
      select c.cluster from orrery.cluster c
      where c.cluster in (select s.cluster from orrery.server s where s.agent_id = v_agent.agent_id and s.state in ('starting', 'ready', 'stopping'))
      order by c.cluster for no key update skip locked);
    perform from orrery.agent a where a.agent_id = v_agent.agent_id and a.state <> 'lost' for no key update skip locked;
    continue when not found;
    -- from here on nothing is placed on it; what was until then may be of a cluster that another holds
    continue when exists (select from orrery.server s
      where s.agent_id = v_agent.agent_id and s.state in ('starting', 'ready', 'stopping') and s.cluster <> all (v_locked));
    -- a heartbeat writes this row before it hands out commands: who holds it is alive
    perform from orrery.agent_heartbeat b
    where b.agent_id = v_agent.agent_id and b.beat_at < v_agent.silent_at for no key update skip locked;
    continue when not found;
    update orrery.agent_heartbeat b set told_to = null where b.agent_id = v_agent.agent_id;
    update orrery.agent a set state = 'lost', rule = 'tick_agents', reason = format('not heard of for %s s', round(v_agent.silence_ms / 1000.0, 1))
    where a.agent_id = v_agent.agent_id;
    v_gone := v_gone || array(
      select s.server_id from orrery.server s
      where s.agent_id = v_agent.agent_id and s.state in ('starting', 'ready', 'stopping')
        and (s.on_isolation = 'stop' or s.state = 'starting' and exists (
          select from orrery.command c
          where c.server_id = s.server_id and c.epoch = s.epoch and c.verb = 'start' and c.state = 'pending' and c.claimed_at is null)));
  end loop;
  -- those of all agents together, in the order of locks
  perform orrery.servers_lock(v_gone);
  perform orrery.sessions_lock(v_gone);
  for v_server in
    select s.* from orrery.server s where s.server_id = any(v_gone) order by s.server_id
  loop
    perform orrery.server_exited(v_server.server_id, v_server.epoch, 'tick_agents', 'its agent is lost');
  end loop;
end
$$;
comment on function orrery.tick_agents(timestamptz) is 'Judges silent agents lost; sees who listens.';

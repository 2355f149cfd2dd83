-- tick_servers: place what waits and is due, and ask the agent about what should have started or stopped long ago.
-- Writes: server, agent_heartbeat, command, event; what server_place writes.   Locks: those of server_place.
-- Waits for none of them: what is busy is done by the next tick.
-- Errors: none.   Called by: tick.
create or replace function orrery.tick_servers() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_server orrery.server;
begin
  if exists (select from orrery.server s where s.state = 'requested' and s.try_at <= v_now) then
    for v_server in
      select * from orrery.server s where s.state = 'requested' and s.try_at <= v_now order by s.cluster, s.try_at, s.server_id limit 100
    loop
      perform orrery.server_place(v_server.server_id);
    end loop;
  end if;
  if exists (select from orrery.server s where s.state in ('starting', 'stopping') and s.deadline_at <= v_now) then
    for v_server in
      select * from orrery.server s where s.state in ('starting', 'stopping') and s.deadline_at <= v_now order by s.server_id
      for no key update skip locked
    loop
      perform from orrery.agent_heartbeat b where b.agent_id = v_server.agent_id for no key update skip locked;
      continue when not found;
      -- the agent kills it at its own deadline; when that is not heard of either, it is told once more and asked what it runs
      update orrery.server s
      set deadline_at = null, reason = format('%s since %s, its agent is asked', s.state, to_char(s.state_at, 'HH24:MI:SS'))
      where s.server_id = v_server.server_id;
      perform orrery.event_add(v_server.cluster, 'server', v_server.server_id::text, 'tick_servers',
        format('%s for too long, stopped again', v_server.state));
      perform orrery.command_add(v_server.server_id, 'stop', jsonb_build_object('grace_ms', 0), 'tick_servers');
      update orrery.agent_heartbeat b set digest = null where b.agent_id = v_server.agent_id;
    end loop;
  end if;
end
$$;
comment on function orrery.tick_servers() is 'Places servers that wait, and asks about those that take too long.';

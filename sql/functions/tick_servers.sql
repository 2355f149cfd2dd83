-- tick_servers: place what waits and is due, in the order of asking, and ask about what should have started or stopped long ago: its agent is asked
-- what it runs; again and again, each wait as long as all before (start_backoff_max_ms at most), until the server is accounted
-- for. It is told to stop it too, unless it has that command already, or was not heard of since the deadline: what it could not
-- say while it was cut off, or the database away, is no fault of the server.
-- Writes: server, agent_heartbeat, command, event; what server_place writes.   Locks: those of server_place.
-- Waits for none of them: what is busy is done by the next tick.
-- Errors: none.   Called by: tick_step.
create or replace function orrery.tick_servers() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_least   interval;
  v_most    interval;
  v_wait    interval;
  v_open    boolean;
  v_stop    boolean;
  v_server  record;
  v_full    orrery.server;
begin
  if exists (select from orrery.server s where s.state = 'requested' and s.try_at <= v_now) then
    for v_server in
      select * from orrery.server s where s.state = 'requested' and s.try_at <= v_now order by s.cluster, s.requested_at, s.server_id limit 100
    loop
      -- who waits for an agent with room is served in the order of asking; for one kind a look is enough
      continue when (v_server.cluster, v_server.kind) = (v_full.cluster, v_full.kind);
      if not orrery.server_place(v_server.server_id) and orrery.server_waits_for_room(v_server.server_id) then
        v_full := v_server;
        with waiting as (
          select s.server_id from orrery.server s
          where s.state = 'requested' and s.try_at <= v_now and (s.cluster, s.kind) = (v_full.cluster, v_full.kind)
          order by s.server_id for no key update skip locked
        )
        update orrery.server s
        set try_at = f.try_at, reason = f.reason
        from waiting w, orrery.server f where s.server_id = w.server_id and f.server_id = v_full.server_id;
      end if;
    end loop;
  end if;
  if exists (select from orrery.server s where s.state in ('starting', 'stopping') and s.deadline_at <= v_now) then
    v_least := make_interval(secs => orrery.setting('start_slack_ms')::float8 / 1000);
    v_most := make_interval(secs => orrery.setting('start_backoff_max_ms')::float8 / 1000);
    for v_server in
      -- without a digest it has not said what it runs since it was asked, or since the heartbeats were lost in a crash
      select s.*, coalesce(b.beat_at > s.deadline_at and b.digest is not null, false) as heard
      from orrery.server s left join orrery.agent_heartbeat b on b.agent_id = s.agent_id
      where s.state in ('starting', 'stopping') and s.deadline_at <= v_now
        -- what holds on a lost agent waits for its return
        and not exists (select from orrery.agent a where a.agent_id = s.agent_id and a.state = 'lost')
        -- a start that was never fetched expires: tick_commands
        and not exists (select from orrery.command c where c.server_id = s.server_id and c.epoch = s.epoch and c.state = 'pending'
          and c.expires_at <= v_now and c.verb = 'start')
      order by s.server_id
      for no key update of s skip locked
    loop
      -- a heartbeat that is under way holds the row
      perform from orrery.agent_heartbeat b where b.agent_id = v_server.agent_id for no key update skip locked;
      continue when not found and exists (select from orrery.agent_heartbeat b where b.agent_id = v_server.agent_id);
      v_wait := least(greatest(v_now - v_server.state_at, v_least), greatest(v_most, v_least));
      update orrery.server s
      set deadline_at = v_now + v_wait, reason = format('%s since %s, its agent is asked', s.state, to_char(s.state_at, 'HH24:MI:SS'))
      where s.server_id = v_server.server_id;
      -- from here on the inventory alone says whether it runs: an open start would excuse it
      with stale as (
        select c.command_id from orrery.command c
        where c.server_id = v_server.server_id and c.epoch = v_server.epoch and c.verb = 'start' and c.state in ('pending', 'claimed')
        for no key update skip locked
      )
      update orrery.command c set state = 'void', rule = 'tick_servers', reason = 'not done in its time'
      from stale s where c.command_id = s.command_id;
      v_open := exists (select from orrery.command c
        where c.server_id = v_server.server_id and c.epoch = v_server.epoch and c.verb = 'stop' and c.state in ('pending', 'claimed'));
      v_stop := v_server.heard and not v_open;
      if v_stop then
        perform orrery.command_add(v_server.server_id, 'stop', jsonb_build_object('grace_ms', 0), 'tick_servers');
      end if;
      if v_wait < v_most or v_stop then
        perform orrery.event_add(v_server.cluster, 'server', v_server.server_id::text, 'tick_servers',
          format('%s for %s s, %s', v_server.state, round(extract(epoch from v_now - v_server.state_at)),
            case when v_stop then 'told to stop, its agent is asked what it runs' else 'its agent is asked what it runs' end));
      end if;
      update orrery.agent_heartbeat b set digest = null where b.agent_id = v_server.agent_id;
    end loop;
  end if;
end
$$;
comment on function orrery.tick_servers() is 'Places servers that wait, and asks about those that take too long.';

-- server_is_heard: whether a server lives, and its machine was heard of within three heartbeats. Who overrules one that is not would
-- have what it holds twice, until its lease ends or, where its kind holds, its agent is fenced.
-- Reads: server, agent_heartbeat, setting.   Writes: nothing.   Locks: none.
-- Errors: none.                              Called by: session_open, tick_idle.
create or replace function orrery.server_is_heard(p_server_id bigint) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from orrery.server v join orrery.agent_heartbeat b on b.agent_id = v.agent_id
    where v.server_id = p_server_id and v.state in ('ready', 'stopping')
      and b.beat_at > orrery.clock() - make_interval(secs => 3 * orrery.setting('heartbeat_ms')::float8 / 1000));
end
$$;
comment on function orrery.server_is_heard(bigint) is 'Whether a server lives, and its machine was heard of just now.';

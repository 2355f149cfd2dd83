-- server_waits_for_room: does a server wait for an agent with room, rather than for its backoff or the next tick?
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: tick_servers, server_request, fleet_status.
create or replace function orrery.server_waits_for_room(p_server_id bigint) returns boolean
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from orrery.server s where s.server_id = p_server_id and s.state = 'requested' and s.reason like 'no agent with room: %');
end
$$;
comment on function orrery.server_waits_for_room(bigint) is 'Does a server wait for an agent with room?';
grant execute on function orrery.server_waits_for_room(bigint) to orrery_admin, orrery_viewer;

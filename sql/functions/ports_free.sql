-- ports_free: a server has its ports no longer; they rest from now on (port_rest_ms).
-- Writes: port.   Locks: none; the caller holds the server's.
-- Errors: none.   Called by: server_exited, server_stop_now, server_place.
create or replace function orrery.ports_free(p_server_id bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update orrery.port p set server_id = null, freed_at = orrery.clock() where p.server_id = p_server_id;
end
$$;
comment on function orrery.ports_free(bigint) is 'Gives back the ports of a server.';

-- server_is_empty: has a server no session, attachment, allocation nor anybody waiting for its key?
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: tick_idle, tick_drains, tick_allocations.
create or replace function orrery.server_is_empty(p_server orrery.server) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return p_server.allocations = 0
    and not exists (select from orrery.session s where s.server_id = p_server.server_id and s.state <> 'ended')
    and not exists (select from orrery.attachment a where a.server_id = p_server.server_id and not a.ended)
    and not exists (
      select from orrery."character" c join orrery.session s on s.character_id = c.character_id
      where c.cluster = p_server.cluster and c.kind = p_server.kind and c.key = p_server.key and s.state = 'waiting');
end
$$;
comment on function orrery.server_is_empty(orrery.server) is 'True when nobody is on a server or waits for it.';

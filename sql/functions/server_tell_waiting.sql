-- server_tell_waiting: tell the servers that own sessions waiting for a key what became of it.
-- Writes: command.   Locks: none.
-- Errors: none.      Called by: server_ready, server_exited, server_stop_now.
create or replace function orrery.server_tell_waiting(p_cluster text, p_kind text, p_key text, p_message jsonb, p_rule text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server bigint;
begin
  for v_server in
    select distinct s.server_id
    from orrery."character" c join orrery.session s on s.character_id = c.character_id
    where c.cluster = p_cluster and c.kind = p_kind and c.key = p_key and s.state = 'waiting'
    order by s.server_id
  loop
    perform orrery.command_add(v_server, 'tell', p_message || jsonb_build_object('kind', p_kind, 'key', p_key), p_rule);
  end loop;
end
$$;
comment on function orrery.server_tell_waiting(text, text, text, jsonb, text) is 'Tells who waits for a key what became of it.';

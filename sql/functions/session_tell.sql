-- session_tell: tell servers to ask what became of their sessions (server_sync).
-- Writes: what command_add writes.   Locks: those of command_add.
-- Errors: none.   Called by: account_session_end, chat_channel_drop, chat_told, news_add, session_end, session_end_all, session_end_told,
-- session_open, session_adopt, session_resolve, tick_idle.
create or replace function orrery.session_tell(p_servers bigint[], p_rule text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server bigint;
begin
  for v_server in
    select s.server_id from orrery.server s where s.server_id = any(p_servers) and s.state in ('ready', 'stopping') order by s.server_id
  loop
    perform orrery.command_add(v_server, 'tell', '{"tell":"sync"}', p_rule);
  end loop;
end
$$;
comment on function orrery.session_tell(bigint[], text) is 'Tells servers to ask what became of their sessions.';

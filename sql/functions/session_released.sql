-- session_released: tell the login servers that wait for the end of sessions that they have ended: they ask session_open again.
-- Writes: what command_add writes.   Locks: those of command_add; the caller holds the sessions'.
-- Errors: none.   Called by: session_end, session_end_all.
create or replace function orrery.session_released(p_sessions bigint[], p_rule text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wait record;
begin
  for v_wait in
    select distinct w.server_id, s.account_id
    from orrery.session s, unnest(s.awaited_by) w (server_id)
    where s.session_id = any(p_sessions) and s.state = 'ended' and s.awaited_by is not null
    order by w.server_id, s.account_id
  loop
    perform orrery.command_add(v_wait.server_id, 'tell', jsonb_build_object('tell', 'released', 'account_id', v_wait.account_id), p_rule);
  end loop;
end
$$;
comment on function orrery.session_released(bigint[], text) is 'Tells login servers that wait for the end of sessions.';

-- session_end_all: end sessions whose server does not end them itself. Their chat server is told to ask, and who waits for their end.
-- Writes: session, session_secret, attachment, command (tell), event.   Locks: session, then attachment, in key order.
-- Errors: none.   Called by: session_end_where_dead, session_server_gone, session_open, session_end_told,
-- tick_idle.
create or replace function orrery.session_end_all(p_sessions bigint[], p_rule text, p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_servers bigint[];
begin
  perform from orrery.session s where s.session_id = any(p_sessions) and s.state <> 'ended' order by s.session_id for no key update;
  update orrery.session s set state = 'ended', rule = p_rule, reason = p_reason, taken = true
  where s.session_id = any(p_sessions) and s.state <> 'ended';
  update orrery.session_secret x set root = null where x.session_id = any(p_sessions) and x.root is not null;
  perform from orrery.attachment a where a.session_id = any(p_sessions) and not a.ended order by a.session_id, a.role for no key update;
  update orrery.attachment a set ended = true, taken = false where a.session_id = any(p_sessions) and not a.ended;
  select array_agg(distinct a.server_id) into v_servers
  from orrery.attachment a join orrery.server s on s.server_id = a.server_id
  where a.session_id = any(p_sessions) and s.state = 'ready';
  perform orrery.session_tell(v_servers, p_rule);
  perform orrery.session_released(p_sessions, p_rule);
end
$$;
comment on function orrery.session_end_all(bigint[], text, text) is 'Ends sessions whose server does not end them itself.';

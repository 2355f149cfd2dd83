-- session_owned: refuse when a session that is still logging in is not this server's under this epoch.
-- p_session: the row as read, all null when there is none.
-- Errors: OR007.   Called by: session_select.
create or replace function orrery.session_owned(
  p_me orrery.server, p_session orrery.session, p_session_id bigint, p_session_epoch bigint)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_session.session_id is null or p_session.server_id <> p_me.server_id or p_session.epoch is distinct from p_session_epoch
     or p_session.state not in ('selecting', 'waiting') then
    perform orrery.fail('OR007', format('session %s, epoch %s, is not at this server', p_session_id, p_session_epoch),
      coalesce(format('It is %s at server %s under epoch %s.', p_session.state, p_session.server_id, p_session.epoch),
        'No such session in this cluster.'),
      'Drop what is held of it.');
  end if;
end
$$;
comment on function orrery.session_owned(orrery.server, orrery.session, bigint, bigint) is
  'Refuses when a session is not this server''s under this epoch.';

-- device_session: the account of a session that logs in at the caller, locked, for a change of its devices.
-- Reads: session.   Writes: nothing.   Locks: account.
-- Errors: OR007 the session is not the caller's under this epoch, or does not log in any more.
-- Called by: device_enrol, device_forget.
create or replace function orrery.device_session(p_me orrery.server, p_session_id bigint, p_session_epoch bigint) returns orrery.account
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_account orrery.account;
begin
  select a.* into v_account
  from orrery.session s join orrery.account a on a.account_id = s.account_id
  where s.session_id = p_session_id for no key update of a;
  perform from orrery.session s
  where s.session_id = p_session_id and s.epoch = p_session_epoch and s.server_id = p_me.server_id and s.state in ('selecting', 'waiting');
  if not found then
    perform orrery.fail('OR007', format('session %s, epoch %s, is not at this server', p_session_id, p_session_epoch),
      'It has ended, plays, or never was here.', 'Drop what is held of it.');
  end if;
  return v_account;
end
$$;
comment on function orrery.device_session(orrery.server, bigint, bigint) is 'The account of a session that logs in here, locked.';

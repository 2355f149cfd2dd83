-- account_session_end: end the live session of an account, wherever it is; its servers are told at once.
-- p_device_id: only when it was opened with this device; null: however.
-- Returns its number; null: there is none.
-- Writes: what session_end_told and session_tell write.   Locks: server, session; the caller holds the account's, so that none is opened meanwhile.
-- Errors: none.   Called by: account_ban, device_revoke.
create or replace function orrery.account_session_end(p_account_id bigint, p_rule text, p_reason text, p_device_id bigint default null) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_session_id bigint;
begin
  -- so that the tell reaches it; a session that is handed over meanwhile is at another by then
  perform from orrery.server v
  where v.server_id = (select s.server_id from orrery.session s where s.account_id = p_account_id and s.state <> 'ended') for share;
  select s.session_id into v_session_id from orrery.session s
  where s.account_id = p_account_id and s.state <> 'ended' and (p_device_id is null or s.device_id = p_device_id) for no key update;
  if found then
    perform orrery.session_end_told(array[v_session_id], p_rule, p_reason);
  else
    -- of one that has just ended chat may not have heard
    perform orrery.session_tell(array(
      select distinct a.server_id from orrery.attachment a join orrery.session s on s.session_id = a.session_id
      where a.ended and not a.taken and s.account_id = p_account_id), p_rule);
  end if;
  return v_session_id;
end
$$;
comment on function orrery.account_session_end(bigint, text, text, bigint) is 'Ends the live session of an account.';

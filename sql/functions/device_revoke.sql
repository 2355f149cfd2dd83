-- device_revoke: a device of a player was lost: its key opens no session any more, and the one that it opened ends, at once.
-- Returns the event, and says in words what was done.
-- Writes: device, event; what account_session_end writes.   Locks: cluster, account, then those of account_session_end.
-- Errors: OR001 unknown account or device; OR003 null; those of cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.device_revoke(p_name text, p_device_id bigint, p_cluster text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster    text := orrery.cluster_resolve(p_cluster,
    replace(format('device_revoke(%L, %L', left(p_name, 64), p_device_id), '%', '%%') || ', %L)');
  v_account    orrery.account;
  v_device     orrery.device;
  v_session_id bigint;
  v_event      bigint;
begin
  if p_device_id is null then
    perform orrery.fail('OR003', 'a device is revoked by its number', 'Got null.', 'SELECT * FROM device_status');
  end if;
  v_account := orrery.account_named(v_cluster, p_name);
  delete from orrery.device d where d.device_id = p_device_id and d.account_id = v_account.account_id returning d.* into v_device;
  if not found then
    perform orrery.fail('OR001', format('account %s has no device %s', v_account.name, p_device_id), 'It was revoked, or never enrolled.',
      'SELECT * FROM device_status');
  end if;
  v_session_id := orrery.account_session_end(v_account.account_id, 'device_revoke', 'kicked: the device was revoked', p_device_id);
  v_event := orrery.event_add(v_cluster, 'account', v_account.account_id::text, 'device_revoke',
    format('device %s of %s, %s, is revoked by %s', p_device_id, v_account.name, v_device.name, session_user),
    jsonb_build_object('session_id', v_session_id));
  raise notice '%', format('device %s of %s, %s, is revoked%s', p_device_id, v_account.name, v_device.name,
    case when v_session_id is null then '' else format(', session %s ends', v_session_id) end);
  return v_event;
end
$$;
comment on function orrery.device_revoke(text, bigint, text) is 'Revokes the key of a device, and ends the session it opened; returns the event.';
grant execute on function orrery.device_revoke(text, bigint, text) to orrery_admin;

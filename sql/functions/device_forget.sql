-- device_forget: a player who has just logged in gives up the key of a device of his. Sessions go on.
-- Writes: device, event.   Locks: those of device_session.
-- Errors: those of server_identity and device_session; OR001 the account has no such device; OR003 malformed.
-- Called by: src/pg/control_api (role login).
create or replace function orrery.device_forget(
  p_server_id bigint, p_epoch bigint, p_token text, p_session_id bigint, p_session_epoch bigint, p_public_key text)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me      orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  v_account orrery.account;
  v_device  orrery.device;
begin
  if p_public_key is null or p_public_key !~ '^[0-9a-fA-F]{64}$' then
    perform orrery.fail('OR003', 'a device has a public key of 64 hex digits', format('Got %L.', left(p_public_key, 100)),
      'Pass what the client sent.');
  end if;
  v_account := orrery.device_session(v_me, p_session_id, p_session_epoch);
  delete from orrery.device d where d.account_id = v_account.account_id and d.public_key = decode(p_public_key, 'hex') returning d.* into v_device;
  if not found then
    perform orrery.fail('OR001', format('%s has no device of this key', v_account.name), 'It was revoked, or never enrolled.',
      'There is nothing to give up.');
  end if;
  perform orrery.event_add(v_account.cluster, 'account', v_account.account_id::text, 'device_forget',
    format('%s gave up device %s, %s', v_account.name, v_device.device_id, v_device.name));
end
$$;
comment on function orrery.device_forget(bigint, bigint, text, bigint, bigint, text) is 'A player gives up the key of a device of his.';
grant execute on function orrery.device_forget(bigint, bigint, text, bigint, bigint, text) to orrery_session;

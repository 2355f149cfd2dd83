-- device_enrol: a player who has just logged in will log in with this device's key from now on. Returns {"device_id"}; asked again,
-- the same.
-- p_public_key: Ed25519, 64 hex digits; the caller has seen that the client holds the private half.   p_name: what the player calls the device.
-- Writes: device, event.   Locks: those of device_session.
-- Errors: those of server_identity and device_session; OR003 malformed; OR006 the account has devices_max; OR008 another account has the key.
-- Called by: src/pg/control_api (role login).
create or replace function orrery.device_enrol(
  p_server_id bigint, p_epoch bigint, p_token text, p_session_id bigint, p_session_epoch bigint, p_public_key text, p_name text)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me        orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  v_account   orrery.account;
  v_device_id bigint;
  v_owner_id  bigint;
begin
  if p_public_key is null or p_public_key !~ '^[0-9a-fA-F]{64}$' or p_name is null or p_name !~ '^[^[:cntrl:]]{1,64}$' then
    perform orrery.fail('OR003', 'a device has a public key of 64 hex digits and a name of 1 to 64 characters, none of them a control character',
      format('Got %L, %L.', left(p_public_key, 100), left(p_name, 100)), 'Pass what the client sent.');
  end if;
  v_account := orrery.device_session(v_me, p_session_id, p_session_epoch);
  if (select count(*) from orrery.device d
      where d.account_id = v_account.account_id and d.public_key <> decode(p_public_key, 'hex')) >= orrery.setting('devices_max') then
    perform orrery.fail('OR006', format('%s has %s devices', v_account.name, orrery.setting('devices_max')), 'An account has no more.',
      'The player revokes one that he does not use, or a DBA does: SELECT * FROM device_status');
  end if;
  insert into orrery.device (cluster, account_id, public_key, name, enrolled_at)
  values (v_account.cluster, v_account.account_id, decode(p_public_key, 'hex'), p_name, orrery.clock())
  on conflict (cluster, public_key) do nothing
  returning device_id into v_device_id;
  if v_device_id is null then
    select d.device_id, d.account_id into v_device_id, v_owner_id
    from orrery.device d where d.cluster = v_account.cluster and d.public_key = decode(p_public_key, 'hex');
    if v_owner_id is distinct from v_account.account_id then
      perform orrery.fail('OR008', 'this key is enrolled already', 'It is another account''s.', 'A device makes a key of its own for each account.');
    end if;
  else
    perform orrery.event_add(v_account.cluster, 'account', v_account.account_id::text, 'device_enrol',
      format('%s enrolled device %s, %s', v_account.name, v_device_id, p_name));
  end if;
  return jsonb_build_object('device_id', v_device_id);
end
$$;
comment on function orrery.device_enrol(bigint, bigint, text, bigint, bigint, text, text) is
  'Enrols the key of a device, of a player who has just logged in.';
grant execute on function orrery.device_enrol(bigint, bigint, text, bigint, bigint, text, text) to orrery_session;

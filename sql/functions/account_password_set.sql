-- account_password_set: set an account's password with its one-time code, which is used up.
-- Returns {"account_id","active"}; null for an unknown name, a wrong or an expired code; {"wait_ms"} when the address or the account has tried
-- too often: it is counted as a password is. Case and dashes of the code do not matter.
-- Writes: account, login_limit, event.   Locks: those of login_charge, then account.
-- Errors: those of server_identity; OR003 no Argon2id hash, or no address.   Called by: src/pg/control_api (role login).
create or replace function orrery.account_password_set(
  p_server_id bigint, p_epoch bigint, p_token text, p_name text, p_one_time_code text, p_password_hash text, p_address text)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  v_now timestamptz := orrery.clock();
  v_subject text := orrery.login_subject(p_address);
  v_account orrery.account;
  v_wait bigint;
begin
  if p_password_hash is null or p_password_hash !~ '^\$argon2id\$' or length(p_password_hash) > 1000 then
    perform orrery.fail('OR003', 'a password is stored as an Argon2id string', 'The string does not begin with $argon2id$, or is too long.',
      'Hash it with crypto_pwhash_str.');
  end if;
  if v_subject is null then
    perform orrery.fail('OR003', 'an address is host:port, of 1 to 100 characters', format('Got %L.', left(p_address, 100)), 'Pass the client''s.');
  end if;
  v_wait := (orrery.login_charge(v_me.cluster, 'address', array[v_subject]))[1];
  if v_wait = 0 and p_name is not null then
    v_wait := (orrery.login_charge(v_me.cluster, 'account', array[lower(left(p_name, 100))]))[1];
  end if;
  if v_wait > 0 then
    return jsonb_build_object('wait_ms', v_wait);
  end if;
  update orrery.account a
  set password_hash = p_password_hash, code_hash = null, code_expires_at = null
  where a.cluster = v_me.cluster and a.name_key = lower(p_name)
    and a.code_hash = orrery.code_hash(p_one_time_code) and a.code_expires_at > v_now
  returning a.* into v_account;
  if not found then
    return null;
  end if;
  perform orrery.event_add(v_me.cluster, 'account', v_account.account_id::text, 'account_password_set',
    format('%s set a password with a one-time code', v_account.name));
  return jsonb_build_object('account_id', v_account.account_id, 'active', v_account.active);
end
$$;
comment on function orrery.account_password_set(bigint, bigint, text, text, text, text, text) is
  'Sets a password with a one-time code, for the login server.';
grant execute on function orrery.account_password_set(bigint, bigint, text, text, text, text, text) to orrery_session;

drop function if exists orrery.account_password_set(bigint, bigint, text, text, text, text);

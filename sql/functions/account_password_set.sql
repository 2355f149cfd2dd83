-- account_password_set: set an account's password with its one-time code, which is used up.
-- Returns {"account_id","active"}, or null for an unknown name, a wrong or an expired code. Case and dashes of the code
-- do not matter.
-- Writes: account, event.   Locks: account.
-- Errors: those of server_identity; OR003 no Argon2id hash.   Called by: src/pg/control_api (role login).
create or replace function orrery.account_password_set(
  p_server_id bigint, p_epoch bigint, p_token text, p_name text, p_one_time_code text, p_password_hash text)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
  v_now timestamptz := orrery.clock();
  v_account orrery.account;
begin
  if p_password_hash is null or p_password_hash !~ '^\$argon2id\$' then
    perform orrery.fail('OR003', 'a password is stored as an Argon2id string', 'The string does not begin with $argon2id$.',
      'Hash it with crypto_pwhash_str.');
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
comment on function orrery.account_password_set(bigint, bigint, text, text, text, text) is
  'Sets a password with a one-time code, for the login server.';
grant execute on function orrery.account_password_set(bigint, bigint, text, text, text, text) to orrery_session;

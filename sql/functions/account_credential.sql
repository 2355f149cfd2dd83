-- account_credential: what a login server checks a password against; null for an unknown name or one without a password yet.
-- Reads: account.   Errors: those of server_identity.   Called by: src/pg/control_api (role login).
create or replace function orrery.account_credential(p_server_id bigint, p_epoch bigint, p_token text, p_name text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
begin
  return (
    select jsonb_build_object('account_id', a.account_id, 'active', a.active, 'password_hash', a.password_hash)
    from orrery.account a
    where a.cluster = v_me.cluster and a.name_key = lower(p_name) and a.password_hash is not null);
end
$$;
comment on function orrery.account_credential(bigint, bigint, text, text) is 'Password hash of an account, for the login server.';
grant execute on function orrery.account_credential(bigint, bigint, text, text) to orrery_session;

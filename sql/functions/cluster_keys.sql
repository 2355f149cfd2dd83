-- cluster_keys: the private keys of the login handshake, newest first, for a login server that was told by server_sync that they
-- have changed.
-- Reads: cluster_key, cluster_secret.   Locks: none.
-- Errors: those of server_identity.     Called by: server_start_info; src/pg/control_api (role login).
create or replace function orrery.cluster_keys(p_server_id bigint, p_epoch bigint, p_token text) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
begin
  return (
    select jsonb_build_object('version', c.keys_version, 'static_keys', (
      select coalesce(jsonb_agg(encode(k.static_key, 'hex') order by k.made_at desc, k.public_key), '[]')
      from orrery.cluster_key k where k.cluster = c.cluster))
    from orrery.cluster_secret c where c.cluster = v_me.cluster);
end
$$;
comment on function orrery.cluster_keys(bigint, bigint, text) is 'The private keys of the login handshake, for a login server.';
grant execute on function orrery.cluster_keys(bigint, bigint, text) to orrery_session;

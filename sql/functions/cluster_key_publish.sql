-- cluster_key_publish: the login server says which public key clients must know.
-- Writes: cluster.public_key, event, when it changed.   Locks: cluster.
-- Errors: those of server_identity; OR003 not 64 hex digits.
-- Called by: src/pg/control_api (role login).
create or replace function orrery.cluster_key_publish(p_server_id bigint, p_epoch bigint, p_token text, p_public_key text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'login');
begin
  if p_public_key is null or p_public_key !~ '^[0-9a-f]{64}$' then
    perform orrery.fail('OR003', 'a public key is 64 lower-case hex digits', format('Got %L.', p_public_key),
      'Pass the X25519 public key of the static key that server_start_info gave.');
  end if;
  update orrery.cluster c set public_key = decode(p_public_key, 'hex')
  where c.cluster = v_me.cluster and c.public_key is distinct from decode(p_public_key, 'hex');
  if found then
    perform orrery.event_add(v_me.cluster, 'cluster', v_me.cluster, 'cluster_key_publish',
      format('clients must know public key %s', p_public_key));
  end if;
end
$$;
comment on function orrery.cluster_key_publish(bigint, bigint, text, text) is 'Publishes the cluster''s public key for clients.';
grant execute on function orrery.cluster_key_publish(bigint, bigint, text, text) to orrery_session;

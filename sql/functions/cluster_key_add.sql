-- cluster_key_add: a new key of a cluster's login handshake. Returns its public half.
-- Writes: cluster_key.   Locks: none; the caller holds the cluster's, or has just made it.
-- Errors: none.          Called by: cluster_create, cluster_key_rotate.
create or replace function orrery.cluster_key_add(p_cluster text) returns bytea
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_static bytea := orrery.random_bytes(32);
  v_public bytea := orrery.x25519_public(v_static);
begin
  insert into orrery.cluster_key (cluster, public_key, static_key, made_at) values (p_cluster, v_public, v_static, orrery.clock());
  return v_public;
end
$$;
comment on function orrery.cluster_key_add(text) is 'Makes a key of a cluster''s login handshake.';

-- cluster_key_retire: a key of a cluster's login handshake is of no use any more: who has no newer connect string gets in no more.
-- Who plays goes on. Its public half in hex, as the connect string of cluster_status has it.
-- Writes: cluster_key, cluster_secret, event; what command_add writes.   Locks: cluster, then those of cluster_keys_changed.
-- Errors: OR001 no such key; OR002 no other that login servers hold; OR003 no key; those of cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.cluster_key_retire(p_public_key text, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text := orrery.cluster_resolve(p_cluster, replace(format('cluster_key_retire(%L', left(p_public_key, 64)), '%', '%%') || ', %L)');
  v_state   text;
  v_keys    text;
begin
  if p_public_key is null or p_public_key !~ '^[0-9a-fA-F]{64}$' then
    perform orrery.fail('OR003', 'a public key is 64 hex digits', format('Got %L.', left(p_public_key, 100)), 'SELECT connect FROM cluster_status');
  end if;
  select c.state into v_state from orrery.cluster c where c.cluster = v_cluster for no key update;
  select string_agg(encode(k.public_key, 'hex'), ', ' order by k.made_at desc) into v_keys from orrery.cluster_key k where k.cluster = v_cluster;
  perform from orrery.cluster_key k where k.cluster = v_cluster and k.public_key = decode(p_public_key, 'hex');
  if not found then
    perform orrery.fail('OR001', format('cluster %s has no key %s', v_cluster, lower(p_public_key)), format('It has %s.', v_keys),
      'SELECT connect FROM cluster_status');
  end if;
  perform from orrery.cluster_key k
  where k.cluster = v_cluster and k.public_key <> decode(p_public_key, 'hex') and (k.held_at is not null or v_state = 'stopped');
  if not found then
    perform orrery.fail('OR002', format('no login server of %s holds another key', v_cluster), 'Nobody could log in any more.',
      case when v_keys like '%,%' then 'They take a new key within seconds: SELECT connect FROM cluster_status'
        else format('SELECT cluster_key_rotate(%L)', v_cluster) end);
  end if;
  delete from orrery.cluster_key k where k.cluster = v_cluster and k.public_key = decode(p_public_key, 'hex');
  perform orrery.cluster_keys_changed(v_cluster, 'cluster_key_retire');
  perform orrery.event_add(v_cluster, 'cluster', v_cluster, 'cluster_key_retire',
    format('key %s is retired, asked by %s', lower(p_public_key), session_user));
  raise notice '%', format('key %s of %s is retired: who has no newer connect string gets in no more', lower(p_public_key), v_cluster);
end
$$;
comment on function orrery.cluster_key_retire(text, text) is 'Retires a key of a cluster''s login handshake.';
grant execute on function orrery.cluster_key_retire(text, text) to orrery_admin;

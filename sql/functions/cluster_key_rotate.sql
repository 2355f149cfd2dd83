-- cluster_key_rotate: a new key of a cluster's login handshake, beside those that there are: login servers take it within a second,
-- and cluster_status gives it to clients first. Players who have an older connect string get in until that key is retired.
-- Returns the new public key in hex, and says in words what to do next.
-- Writes: cluster_key, cluster_secret, event; what command_add writes.   Locks: cluster, then those of cluster_keys_changed.
-- Errors: OR006 it has four; those of cluster_resolve.   Called by: DBA, CLI.
create or replace function orrery.cluster_key_rotate(p_cluster text default null) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- as many as a client's connect string may have
  c_keys_max constant integer := 4;
  v_cluster text := orrery.cluster_resolve(p_cluster, 'cluster_key_rotate(%L)');
  v_oldest  text;
  v_public  text;
begin
  perform from orrery.cluster c where c.cluster = v_cluster for no key update;
  if (select count(*) from orrery.cluster_key k where k.cluster = v_cluster) >= c_keys_max then
    select encode(k.public_key, 'hex') into v_oldest from orrery.cluster_key k where k.cluster = v_cluster order by k.made_at, k.public_key limit 1;
    perform orrery.fail('OR006', format('cluster %s has %s keys', v_cluster, c_keys_max),
      'A connect string holds no more; the oldest must be retired first.',
      format('SELECT cluster_key_retire(%L, %L)', v_oldest, v_cluster));
  end if;
  v_public := encode(orrery.cluster_key_add(v_cluster), 'hex');
  perform orrery.cluster_keys_changed(v_cluster, 'cluster_key_rotate');
  perform orrery.event_add(v_cluster, 'cluster', v_cluster, 'cluster_key_rotate', format('new key %s, asked by %s', v_public, session_user));
  raise notice '%', format(
    '%s has the new key %s; give players the connect string of cluster_status, then retire the old ones: SELECT cluster_key_retire(key, %L)',
    v_cluster, v_public, v_cluster);
  return v_public;
end
$$;
comment on function orrery.cluster_key_rotate(text) is 'Makes a new key of a cluster''s login handshake, beside those that there are; returns it.';
grant execute on function orrery.cluster_key_rotate(text) to orrery_admin;

-- keys of before there could be several
do $do$
begin
  if exists (select from pg_catalog.pg_attribute a
      where a.attrelid = 'orrery.cluster_secret'::regclass and a.attname = 'static_key' and not a.attisdropped) then
    execute 'insert into orrery.cluster_key (cluster, public_key, static_key, made_at)
      select s.cluster, orrery.x25519_public(s.static_key), s.static_key, c.created_at
      from orrery.cluster_secret s join orrery.cluster c on c.cluster = s.cluster on conflict do nothing';
    execute 'alter table orrery.cluster_secret drop column static_key';
  end if;
end
$do$;

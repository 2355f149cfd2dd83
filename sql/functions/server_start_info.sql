-- server_start_info: what a server must know before it can say READY. Its world, the news that it begins after and what was saved are read
-- in one look, so that no change of the world is missed or told twice.
-- Reads: cluster_secret, cluster_key, setting, server_kind, world; calls the kind's world function.
-- Errors: those of server_identity, and of the world function (OR001 no such key).
-- Called by: src/pg/control_api.
create or replace function orrery.server_start_info(p_server_id bigint, p_epoch bigint, p_token text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token);
  v_kind orrery.server_kind;
  v_secret orrery.cluster_secret;
  v_world jsonb := '{}'::jsonb;
  v_saved orrery.world;
begin
  select k.* into v_kind from orrery.server_kind k where k.cluster = v_me.cluster and k.kind = v_me.kind;
  select c.* into v_secret from orrery.cluster_secret c where c.cluster = v_me.cluster;
  if v_kind.world_function is not null then
    execute format('select %s($1, $2, $3)', v_kind.world_function::regproc) into v_world using v_me.cluster, v_me.kind, v_me.key;
  end if;
  select w.* into v_saved from orrery.world w where w.cluster = v_me.cluster and w.kind = v_me.kind and w.key = v_me.key;
  return jsonb_build_object(
    'cluster', v_me.cluster, 'kind', v_me.kind, 'key', v_me.key, 'role', v_kind.role,
    'settings', (select jsonb_object_agg(s.name, s.value) from orrery.setting s),
    'link_root', encode(orrery.link_root(v_secret.link_secret, v_me.server_id, v_me.epoch), 'hex'),
    'world', coalesce(v_world, '{}'))
    || case when v_kind.role = 'login' then (
      select jsonb_build_object('static_keys', k.keys -> 'static_keys', 'keys_version', k.keys -> 'version')
      from orrery.cluster_keys(p_server_id, p_epoch, p_token) k (keys)) else '{}' end
    || case when v_kind.role = 'zone' then jsonb_build_object('saved', v_saved.saved, 'news_number', coalesce(v_saved.news_number, 0)) else '{}' end;
end
$$;
comment on function orrery.server_start_info(bigint, bigint, text) is 'What a server must know to begin: settings, keys, its world.';
grant execute on function orrery.server_start_info(bigint, bigint, text) to orrery_session;

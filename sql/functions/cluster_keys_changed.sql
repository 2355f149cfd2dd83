-- cluster_keys_changed: the keys of a cluster have changed: they are a new version, and its login servers are told to ask.
-- Writes: cluster_secret; what command_add writes.   Locks: server (shared), then cluster_secret; the caller holds the cluster's.
-- Errors: none.   Called by: cluster_key_rotate, cluster_key_retire.
create or replace function orrery.cluster_keys_changed(p_cluster text, p_rule text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_servers bigint[];
begin
  -- so that the tell below reaches them
  select array_agg(l.server_id order by l.server_id) into v_servers
  from (
    select s.server_id from orrery.server s join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind and k.role = 'login'
    where s.cluster = p_cluster and s.state in ('starting', 'ready')
    order by s.server_id for share of s
  ) l;
  update orrery.cluster_secret c set keys_version = c.keys_version + 1 where c.cluster = p_cluster;
  perform orrery.command_add(l.server_id, 'tell', '{"tell":"sync"}', p_rule) from unnest(v_servers) l (server_id);
end
$$;
comment on function orrery.cluster_keys_changed(text, text) is 'Tells login servers that the keys of their cluster have changed.';

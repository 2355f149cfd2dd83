-- cluster_is_up: are all always-on servers of a cluster ready?
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: cluster_advance, cluster_shutdown_cancel, tick_clusters.
create or replace function orrery.cluster_is_up(p_cluster text) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return not exists (
    select from orrery.server_kind k
    where k.cluster = p_cluster and k.always_on_key is not null and not exists (
      select from orrery.placement p join orrery.server s on s.server_id = p.server_id
      where p.cluster = k.cluster and p.kind = k.kind and p.key = k.always_on_key and s.state = 'ready'));
end
$$;
comment on function orrery.cluster_is_up(text) is 'True when all always-on servers of a cluster are ready.';

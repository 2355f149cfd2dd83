-- allocation_named: an allocation by the caller's key, locked after its cluster and server; refused when there is none.
-- p_call: how the caller was called, for cluster_resolve.
-- Locks: cluster, server, allocation.   Errors: OR001 unknown; those of cluster_resolve.
-- Called by: allocation_confirm, allocation_release.
create or replace function orrery.allocation_named(p_request text, p_cluster text, p_call text) returns orrery.allocation
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster    text := orrery.cluster_resolve(p_cluster, p_call);
  v_allocation orrery.allocation;
begin
  perform from orrery.cluster c where c.cluster = v_cluster for no key update;
  perform from orrery.server s
  where s.server_id = (select a.server_id from orrery.allocation a where a.cluster = v_cluster and a.request = p_request) for no key update;
  select * into v_allocation from orrery.allocation a where a.cluster = v_cluster and a.request = p_request for no key update;
  if not found then
    perform orrery.fail('OR001', format('no allocation %L in cluster %s', left(p_request, 200), v_cluster), 'Those that are over are kept for ended_kept_s.',
      'SELECT * FROM allocation_status');
  end if;
  return v_allocation;
end
$$;
comment on function orrery.allocation_named(text, text, text) is 'An allocation by the caller''s key, locked.';

-- allocation_release: give back what was allocated, or wait for it no more. Its server stops, and its fleet makes a new one; with p_reuse
-- it goes back to the fleet as it is. Said twice it changes nothing.
-- Returns what allocation_answer says.
-- Writes: what allocation_end writes.   Locks: cluster, server, allocation, placement.
-- Errors: OR001 unknown, OR003 null; those of cluster_resolve.   Called by: matchmakers, DBA, CLI.
create or replace function orrery.allocation_release(p_request text, p_reuse boolean default false, p_cluster text default null) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_allocation orrery.allocation := orrery.allocation_named(p_request, p_cluster, replace(format('allocation_release(%L, %L', p_request, p_reuse), '%', '%%') || ', %L)');
begin
  if p_reuse is null then
    perform orrery.fail('OR003', 'a server is used again or not', 'p_reuse is null.', null);
  end if;
  if v_allocation.state in ('waiting', 'allocated', 'confirmed') then
    perform orrery.allocation_end(v_allocation, 'released', 'allocation_release', 'given back by ' || session_user, p_reuse);
    select * into v_allocation from orrery.allocation a where a.allocation_id = v_allocation.allocation_id;
  end if;
  return orrery.allocation_answer(v_allocation);
end
$$;
comment on function orrery.allocation_release(text, boolean, text) is 'Gives back what was allocated.';
grant execute on function orrery.allocation_release(text, boolean, text) to orrery_admin, orrery_space_owner;

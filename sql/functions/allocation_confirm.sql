-- allocation_confirm: who asked for a server says that he has heard of it and uses it. Said twice it changes nothing.
-- Returns what allocation_answer says.
-- Writes: allocation, event.   Locks: cluster, server, allocation.
-- Errors: OR001 unknown, OR002 not allocated (any more); those of cluster_resolve.   Called by: matchmakers, DBA, CLI.
create or replace function orrery.allocation_confirm(p_request text, p_cluster text default null) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_allocation orrery.allocation := orrery.allocation_named(p_request, p_cluster, replace(format('allocation_confirm(%L', p_request), '%', '%%') || ', %L)');
begin
  if v_allocation.state not in ('allocated', 'confirmed') then
    perform orrery.fail('OR002', format('allocation %s is %s', p_request, v_allocation.state), v_allocation.reason, 'Ask for another under another key.');
  end if;
  if v_allocation.state = 'allocated' then
    update orrery.allocation a set state = 'confirmed', rule = 'allocation_confirm', confirm_by = null
    where a.allocation_id = v_allocation.allocation_id
    returning * into v_allocation;
  end if;
  return orrery.allocation_answer(v_allocation);
end
$$;
comment on function orrery.allocation_confirm(text, text) is 'Whoever asked for a server says that he has it.';
grant execute on function orrery.allocation_confirm(text, text) to orrery_admin, orrery_space_owner;

-- fleet_try: what a policy would say of a fleet now, without being installed; in a transaction that is rolled back it may be one that was
-- just written. Nothing is locked: such a transaction may stay open while somebody reads the answer.
-- p_policy, p_args: instead of the fleet's own.
-- Returns the size, or null and what is wrong.
-- Writes: nothing.   Locks: none.
-- Errors: OR001 unknown, OR003 arguments that no fleet may have, OR010 a policy of a game named by a login of one cluster; those of cluster_resolve and handler_check.   Called by: DBA, CLI.
create or replace function orrery.fleet_try(
  p_fleet text, p_policy text default null, p_args jsonb default null, p_cluster text default null, out size integer, out fault text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fleet orrery.fleet := orrery.fleet_named(p_fleet, p_cluster, replace(format('fleet_try(%L, %L, %L', p_fleet, p_policy, p_args), '%', '%%') || ', %L)', false);
begin
  if p_policy is not null and p_policy not in ('orrery.fleet_fixed', 'orrery.fleet_buffer') then
    perform orrery.login_everywhere('naming a policy');
    perform orrery.handler_check(p_policy, '(jsonb)');
  end if;
  if jsonb_typeof(p_args) <> 'object' or octet_length(p_args::text) > 65536 then
    perform orrery.fail('OR003', format('fleet %s cannot be so', p_fleet), 'policy_args is an object of at most 64 KiB.', null);
  end if;
  v_fleet.policy := coalesce(p_policy, v_fleet.policy);
  v_fleet.policy_args := coalesce(p_args, v_fleet.policy_args);
  select * into fleet_try.size, fleet_try.fault from orrery.fleet_size(v_fleet, orrery.fleet_counts(v_fleet));
end
$$;
comment on function orrery.fleet_try(text, text, jsonb, text) is 'What a policy would say of a fleet now.';
grant execute on function orrery.fleet_try(text, text, jsonb, text) to orrery_admin;

-- fleet_size: ask a fleet's policy how many servers there should be. What a policy of a game does is undone: rows, settings, locks.
-- p_counts: what fleet_counts says.
-- Returns the size within size_min and size_max; or, when the policy fails, is cancelled, hung before (policy_begins) or answers
-- nonsense, null and how.
-- Writes: nothing, nor may a policy.   Locks: none.   Errors: none.
-- Called by: tick_fleets, fleet_set, fleet_try.
create or replace function orrery.fleet_size(p_fleet orrery.fleet, p_counts jsonb, out size integer, out fault text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_size bigint;
begin
  begin
    case p_fleet.policy
      when 'orrery.fleet_fixed' then v_size := orrery.fleet_fixed(p_counts);
      when 'orrery.fleet_buffer' then v_size := orrery.fleet_buffer(p_counts);
      else
        perform orrery.policy_begins(p_fleet.policy);
        execute format('select %s($1)', coalesce(to_regprocedure(p_fleet.policy || '(jsonb)')::oid::regproc, p_fleet.policy::regproc)) into v_size using p_counts;
        perform orrery.fail('OR012', 'it has answered', null, null);
    end case;
  exception
    when sqlstate 'OR012' then
      null;
    when query_canceled or others then
      fault := format('policy %s failed: %s', p_fleet.policy, case sqlstate when '57014' then 'cancelled: it did not end in its time' else left(sqlerrm, 500) end);
      return;
  end;
  if v_size is null or v_size < 0 then
    fault := format('policy %s answered %s', p_fleet.policy, coalesce(v_size::text, 'null'));
    return;
  end if;
  size := least(greatest(v_size, p_fleet.size_min), p_fleet.size_max);
end
$$;
comment on function orrery.fleet_size(orrery.fleet, jsonb) is 'How many servers a fleet''s policy wants.';

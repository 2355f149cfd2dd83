-- counters_add: a server's counters with so many more of each of the names asked for (p_sign 1), or less (-1), never below 0.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: allocation_take, allocation_end, tick_allocations.
create or replace function orrery.counters_add(p_counters jsonb, p_asked jsonb, p_sign integer) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select p_counters || coalesce(jsonb_object_agg(a.key, p_counters -> a.key || jsonb_build_object('count',
      greatest(0, (p_counters #>> array[a.key, 'count'])::bigint + p_sign * a.value::bigint))), '{}')
    from jsonb_each_text(p_asked) a where p_counters ? a.key);
end
$$;
comment on function orrery.counters_add(jsonb, jsonb, integer) is 'Counters with so many more or less.';

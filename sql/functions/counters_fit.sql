-- counters_fit: has a server room for so many by each of the names asked for?
-- p_counters: {"players":{"count":3,"capacity":16}}.   p_asked: {"players":2}.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: allocation_find, allocation_fits.
create or replace function orrery.counters_fit(p_counters jsonb, p_asked jsonb) returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(bool_and(coalesce((p_counters #>> array[a.key, 'capacity'])::bigint - (p_counters #>> array[a.key, 'count'])::bigint >= a.value::bigint, false)), true)
    from jsonb_each_text(p_asked) a);
end
$$;
comment on function orrery.counters_fit(jsonb, jsonb) is 'Has a server room for so many?';

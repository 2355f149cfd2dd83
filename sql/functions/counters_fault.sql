-- counters_fault: what is wrong with capacities or amounts by name, in words; null when they are an object of at most 16 integers from 0 to
-- a thousand million.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: server_kind_with, server_allocate, server_counted.
create or replace function orrery.counters_fault(p_counters jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when jsonb_typeof(p_counters) is distinct from 'object' then 'Counters are an object of numbers.'
    when (select count(*) from jsonb_object_keys(p_counters)) > 16 then 'There are 16 counters at most.'
    else (
      select format('Counter %s is none: it is a name of 1 to 32 of a-z 0-9 _, a letter first, with an integer from 0 to 999999999.',
        left(format('%s: %s', c.key, c.value), 100)) from jsonb_each(p_counters) c
      where c.key !~ '^[a-z][a-z0-9_]{0,31}$' or c.value::text !~ '^[0-9]{1,9}$'
      order by c.key limit 1) end;
end
$$;
comment on function orrery.counters_fault(jsonb) is 'What is wrong with capacities or amounts by name, in words.';

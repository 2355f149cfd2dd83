-- env_fault: what is wrong with a kind's env, in words; null when it is an object of texts by names that an environment can have, none of
-- which the spawn contract sets (docs/control.md): the agent's value would stand in its place.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: server_kind_with.
create or replace function orrery.env_fault(p_env jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when jsonb_typeof(p_env) is distinct from 'object' then 'env is an object of texts, by names that are not empty.'
    else (
      select case
        when e.key = '' or jsonb_typeof(e.value) <> 'string' then 'env is an object of texts, by names that are not empty.'
        when e.key ~ '=' then format('env: %L is no name, since a name has no =; write {"NAME":"value"}.', left(e.key, 100))
        else format('env: %s is set by the agent, as ORRERY_…, NOTIFY_SOCKET and WATCHDOG_USEC are.', left(e.key, 100)) end
      from jsonb_each(p_env) e
      where e.key = '' or jsonb_typeof(e.value) <> 'string' or e.key ~ '=' or e.key ~ '^(ORRERY_.*|NOTIFY_SOCKET|WATCHDOG_USEC)$'
      order by e.key limit 1) end;
end
$$;
comment on function orrery.env_fault(jsonb) is 'What is wrong with a kind''s env, in words.';

-- clock: the only reading of time; each step reads it once, into v_now.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: every function that judges time.
create or replace function orrery.clock() returns timestamptz
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return clock_timestamp();
end
$$;
comment on function orrery.clock() is 'The time by which everything is judged; nothing else reads time.';
grant execute on function orrery.clock() to orrery_admin, orrery_viewer, orrery_agent, orrery_session, orrery_cron, orrery_space_owner;

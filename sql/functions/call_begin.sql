-- call_begin: a call of a daemon begins: it waits for a lock for 2.5 s at most, so that it fails before the daemon gives the
-- connection up (agents after 5 s, servers after 10), which would leave a backend that waits for each try. A lock_timeout that the
-- login has set stands. Here and not when it connects, for what a pool in between forgets or refuses. A heartbeat has it inline.
-- Writes: nothing; sets lock_timeout until the transaction ends.   Locks: none.
-- Errors: none.   Called by: agent_register, agent_report, server_identity, server_allocate.
create or replace function orrery.call_begin() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('lock_timeout') = '0' then
    perform set_config('lock_timeout', '2500ms', true);
  end if;
end
$$;
comment on function orrery.call_begin() is 'Bounds how long a daemon''s call waits for a lock.';

-- call_begin: a call of a daemon begins: it waits for a lock for call_lock_ms at most, so that it fails before the daemon gives the
-- connection up, which would leave a backend that waits for each try. A lock_timeout that the login has set stands. Here and not
-- when it connects, for what a pool in between forgets or refuses.
-- Writes: nothing; sets lock_timeout until the transaction ends.   Locks: none.
-- Errors: none.   Called by: agent_register, agent_heartbeat, agent_report, server_identity.
create or replace function orrery.call_begin() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('lock_timeout') = '0' then
    perform set_config('lock_timeout', orrery.setting('call_lock_ms')::text, true);
  end if;
end
$$;
comment on function orrery.call_begin() is 'Bounds how long a daemon''s call waits for a lock.';

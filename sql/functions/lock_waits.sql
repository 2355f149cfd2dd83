-- lock_waits: who waits for a lock in this database, and the sessions that stand in the way: mostly a transaction that
-- somebody left open. A daemon's call that waits ends after 2.5 s and is made anew, so it comes and goes here.
-- Reads: pg_stat_activity of every login (orrery_owner is a member of pg_read_all_stats).   Locks: none.
-- Errors: none; a login that sees one cluster is shown none, since they are of all.   Called by: lock_status.
create or replace function orrery.lock_waits() returns table (
  waiting_pid integer, waiting_login name, waiting_for text, waited_s numeric,
  held_by_pid integer, held_by_login name, held_by_application text, held_by_state text, held_s numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select w.pid, w.usename, w.wait_event, round(extract(epoch from orrery.clock() - w.query_start), 1),
    h.pid, h.usename, h.application_name, h.state, round(extract(epoch from orrery.clock() - h.xact_start), 1)
  from pg_stat_activity w
  cross join lateral unnest(pg_blocking_pids(w.pid)) b (pid)
  join pg_stat_activity h on h.pid = b.pid
  where w.datname = current_database() and w.wait_event_type = 'Lock' and orrery.login_cluster() = '*';
end
$$;
comment on function orrery.lock_waits() is 'Who waits for a lock in this database, and for whom; ages in s.';
grant execute on function orrery.lock_waits() to orrery_viewer, orrery_admin;

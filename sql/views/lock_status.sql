-- lock_status: what waits for a lock, who holds it, since when, and how to end that.
create or replace view orrery.lock_status as
  select l.*, format('SELECT pg_terminate_backend(%s)', l.held_by_pid) as remedy
  from orrery.lock_waits() l
  order by l.held_s desc, l.held_by_pid, l.waiting_pid;
comment on view orrery.lock_status is 'What waits for a lock of this database, who holds it and since when (s), and the statement that ends the holder.';
grant select on orrery.lock_status to orrery_viewer, orrery_admin;

-- tick_identity: notice that this is another database (restored, failed over) before anything is decided.
-- Writes: what incarnation_current writes.   Locks: its, then only.
-- Errors: none.                            Called by: tick.
create or replace function orrery.tick_identity() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform orrery.incarnation_current();
end
$$;
comment on function orrery.tick_identity() is 'Raises the incarnation when this is another database than before.';

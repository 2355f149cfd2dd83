-- tick_identity: notice that this is another database (restored, failed over) before anything is decided.
-- Who noticed it first may have seen one cluster only: the others' open starts are voided here.
-- Writes: what incarnation_current and incarnation_starts_void write.   Locks: theirs.
-- Errors: none.   Called by: tick_step.
create or replace function orrery.tick_identity() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform orrery.incarnation_current();
  perform orrery.incarnation_starts_void('tick_identity');
end
$$;
comment on function orrery.tick_identity() is 'Raises the incarnation when this is another database than before.';

-- epoch_next: a new epoch, higher than every one before: incarnation << 32 + number.
-- Writes: epoch_seq; what incarnation_current writes.   Locks: its, then only.
-- Errors: none.   Called by: server_request, server_exited, server_place, fleet_grow; what opens
-- and hands over many sessions at once counts them itself.
create or replace function orrery.epoch_next() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return (orrery.incarnation_current() << 32) + nextval('orrery.epoch_seq');
end
$$;
comment on function orrery.epoch_next() is 'A new epoch, higher than every one before.';

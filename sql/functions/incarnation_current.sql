-- incarnation_current: the incarnation, raised first when this is another database than the one that was last seen
-- (its system identifier or its timeline differ: restored, failed over).
-- Writes: incarnation, event when it is raised.   Locks: the incarnation row, then only.
-- Errors: none.                                   Called by: epoch_next, tick_identity.
create or replace function orrery.incarnation_current() returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_system   text := (select c.system_identifier::text from pg_control_system() c);
  v_timeline bigint := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint;
  v_row      orrery.incarnation;
begin
  select * into v_row from orrery.incarnation i;
  if v_row.system_identifier = v_system and v_row.timeline = v_timeline then
    return v_row.incarnation;
  end if;
  insert into orrery.incarnation (incarnation, system_identifier, timeline) values (1, v_system, v_timeline)
  on conflict (only_row) do update
    set incarnation = orrery.incarnation.incarnation + 1, system_identifier = excluded.system_identifier, timeline = excluded.timeline
    where orrery.incarnation.system_identifier <> excluded.system_identifier or orrery.incarnation.timeline <> excluded.timeline;
  select * into v_row from orrery.incarnation i;
  perform orrery.event_add(null, 'incarnation', v_row.incarnation::text, 'incarnation_current',
    format('this is database %s on timeline %s: epochs go on from incarnation %s', v_system, v_timeline, v_row.incarnation));
  return v_row.incarnation;
end
$$;
comment on function orrery.incarnation_current() is 'Incarnation of this database, raised when it is another one than before.';

-- incarnation_current: the incarnation, raised first when this is another database than the one that was last seen: its
-- system identifier (loaded from a dump) or its timeline (restored, failed over) differ, or it is new.
-- Writes: incarnation; what incarnation_lift writes when it is raised.   Locks: the incarnation row, then only.
-- Errors: none.   Called by: epoch_next, session_open, session_select, session_hand_off, session_adopt, session_resolve, tick_identity,
-- agent_register, agent_heartbeat, server_place, agent_fence, server_stop, server_stop_now, incarnation_raise.
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
  -- another transaction may be raising it: lock, then look again
  insert into orrery.incarnation (incarnation, system_identifier, timeline, lineage) values (0, '', 0, '')
  on conflict (only_row) do nothing;
  select * into v_row from orrery.incarnation i for update;
  if v_row.system_identifier = v_system and v_row.timeline = v_timeline then
    return v_row.incarnation;
  end if;
  return orrery.incarnation_lift(v_row.incarnation, 'incarnation_current',
    format('this is database %s on timeline %s: epochs go on from incarnation %s', v_system, v_timeline, v_row.incarnation + 1));
end
$$;
comment on function orrery.incarnation_current() is 'Incarnation of this database, raised when it is another one than before.';

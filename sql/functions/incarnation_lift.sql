-- incarnation_lift: put the incarnation above p_above, with a new lineage, as this database's. The ids that daemons know
-- go on 2^20 further on, since those given after the backup, or not replicated before the failover, are not known here.
-- Neither is what became of starts that are open here: they may have been carried out. None is handed out (again); whether
-- such a server runs, the inventory alone says.
-- Writes: incarnation, event; the sequences, which no rollback takes back; what incarnation_starts_void writes.
-- Locks: the incarnation row, which the caller holds; those of incarnation_starts_void.
-- Errors: none.   Called by: incarnation_current, incarnation_raise, agent_heartbeat.
create or replace function orrery.incarnation_lift(p_above bigint, p_rule text, p_reason text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_incarnation bigint;
begin
  update orrery.incarnation i
  set incarnation = p_above + 1, lineage = orrery.random_bytes(32),
      system_identifier = (select c.system_identifier::text from pg_control_system() c),
      timeline = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
  where i.incarnation <= p_above
  returning i.incarnation into v_incarnation;
  if not found then
    return (select i.incarnation from orrery.incarnation i);
  end if;
  -- a new database has given none; the doorbell's and the tick's are times
  perform setval(o.seqrelid, pg_sequence_last_value(o.seqrelid) + 1048576)
  from (
    select q.seqrelid from pg_sequence q join pg_class c on c.oid = q.seqrelid
    where p_above > 0 and c.relnamespace = 'orrery'::regnamespace and c.relname not in ('doorbell_seq', 'tick_seq')
    -- a fence: the last value of others may not be asked for
    offset 0
  ) o
  where pg_sequence_last_value(o.seqrelid) is not null;
  perform orrery.incarnation_starts_void(p_rule);
  perform orrery.event_add(null, 'incarnation', v_incarnation::text, p_rule, p_reason);
  return v_incarnation;
end
$$;
comment on function orrery.incarnation_lift(bigint, text, text) is 'Puts the incarnation above a number, with a new lineage, and the ids beyond those that may have been given.';

-- incarnation_raise: make this database the one that agents obey, although they have obeyed one of incarnation p_above: a
-- backup was restored, or a blank database is to take over. Returns the event to watch, and says in words what follows.
-- Writes: incarnation, event; what incarnation_lift writes.   Locks: the incarnation row.
-- Errors: OR002 it is above already, OR003 null or out of range, OR010 login of one cluster.   Called by: DBA.
create or replace function orrery.incarnation_raise(p_above bigint) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- an epoch is incarnation << 32 + n and must stay a positive bigint, for many incarnations more
  c_above_max constant bigint := 1 << 30;
  v_current bigint;
begin
  perform orrery.login_everywhere('incarnation_raise');
  if p_above is null or p_above not between 0 and c_above_max then
    perform orrery.fail('OR003', format('an incarnation cannot be raised above %s', coalesce(p_above::text, 'null')),
      format('It is raised above a number between 0 and %s: the one that an agent says it has obeyed.', c_above_max),
      'SELECT * FROM event_log WHERE rule = ''agent_register_refused''');
  end if;
  perform orrery.incarnation_current();
  select i.incarnation into v_current from orrery.incarnation i for update;
  if v_current > p_above then
    perform orrery.fail('OR002', format('this database is of incarnation %s already', v_current),
      format('That is above %s: agents that obeyed %s obey it.', p_above, p_above),
      format('If an agent has obeyed another database of incarnation %s: SELECT incarnation_raise(%s)', v_current, v_current));
  end if;
  perform orrery.incarnation_lift(p_above, 'incarnation_raise',
    format('raised from %s to %s by %s: agents obey this database, and no other of a lower one', v_current, p_above + 1, session_user));
  raise notice 'this database is of incarnation % now: agents that ask obey it, and stop what it does not know; another that they obeyed is obeyed no more. There is no undo', p_above + 1;
  return (select max(e.event_id) from orrery.event e
          where e.noun = 'incarnation' and e.noun_id = (p_above + 1)::text and e.rule = 'incarnation_raise');
end
$$;
comment on function orrery.incarnation_raise(bigint) is 'Makes this database the one that agents obey; returns the event.';
grant execute on function orrery.incarnation_raise(bigint) to orrery_admin;

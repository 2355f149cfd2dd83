-- session_events: trigger of session: what state_guard does for a row, for all that a statement changed: refuses edges that transition
-- does not hold, records the others as events, and each change of owner within a state as one without states (a hand-off). Logins come many at
-- once: a look-up and an insert for each row cost as much as the row.
-- Writes: event.   Locks: none.
-- Errors: OR009 edge not allowed.   Called by: triggers of session.
create or replace function orrery.session_events() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    insert into orrery.event (cluster, noun, noun_id, from_state, to_state, rule, reason)
    select n.cluster, 'session', n.session_id, 'none',
      coalesce(t.to_state, orrery.state_refused('session', n.session_id::text, 'none', n.state, n.rule)), n.rule, n.reason
    from new_rows n
    left join orrery.transition t on t.machine = 'session' and t.from_state = 'none' and t.to_state = n.state
    order by n.session_id;
  else
    insert into orrery.event (cluster, noun, noun_id, from_state, to_state, rule, reason)
    select n.cluster, 'session', n.session_id, nullif(o.state, n.state), case when o.state <> n.state
        then coalesce(t.to_state, orrery.state_refused('session', n.session_id::text, o.state, n.state, n.rule)) end, n.rule, n.reason
    from new_rows n
    join old_rows o on o.session_id = n.session_id and (o.state <> n.state or o.server_id <> n.server_id)
    left join orrery.transition t on t.machine = 'session' and t.from_state = o.state and t.to_state = n.state
    order by n.session_id;
  end if;
  return null;
end
$$;
comment on function orrery.session_events() is 'Records changes of state of sessions as events, a statement at a time.';

-- only when missing, as that of state_guard
do $do$
begin
  if not exists (select from pg_catalog.pg_trigger t where t.tgrelid = 'orrery.session'::regclass and t.tgname = 'session_opened') then
    create trigger session_opened after insert on orrery.session referencing new table as new_rows
      for each statement execute function orrery.session_events();
  end if;
  if not exists (select from pg_catalog.pg_trigger t where t.tgrelid = 'orrery.session'::regclass and t.tgname = 'session_changed') then
    create trigger session_changed after update on orrery.session referencing old table as old_rows new table as new_rows
      for each statement execute function orrery.session_events();
  end if;
end
$do$;

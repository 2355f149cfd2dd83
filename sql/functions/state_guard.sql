-- state_guard: trigger of every table with a state: refuses edges that transition does not hold, stamps state_at and
-- records each change as an event. A row's cluster is part of the event when its table has one. With the argument by_statement it only
-- stamps, and another trigger does the rest for all rows of a statement: session_events.
-- Writes: NEW.state_at, event.     Locks: none.
-- Errors: OR009 edge not allowed.  Called by: triggers of cluster, agent, server, command, session, allocation.
create or replace function orrery.state_guard() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from text := 'none';
  v_new  jsonb;
  v_id   text;
begin
  if tg_op = 'UPDATE' then
    if new.state = old.state then
      return new;
    end if;
    v_from := old.state;
  end if;
  new.state_at := orrery.clock();
  if tg_nargs > 0 then
    return new;
  end if;
  v_new := to_jsonb(new);
  v_id := v_new ->> case tg_table_name when 'cluster' then 'cluster' else tg_table_name || '_id' end;
  perform from orrery.transition t where t.machine = tg_table_name and t.from_state = v_from and t.to_state = new.state;
  if not found then
    perform orrery.state_refused(tg_table_name, v_id, v_from, new.state, new.rule);
  end if;
  insert into orrery.event (cluster, noun, noun_id, from_state, to_state, rule, reason)
  values (v_new ->> 'cluster', tg_table_name, v_id, v_from, new.state, new.rule, new.reason);
  return new;
end
$$;
comment on function orrery.state_guard() is 'Refuses changes of state that transition does not allow and records the others as events.';

-- only when missing: the lock that making one takes would wait for every transaction of a running cluster
do $do$
declare
  v_table text;
  v_arguments text;
begin
  foreach v_table in array array['cluster', 'agent', 'server', 'command', 'session', 'allocation'] loop
    v_arguments := case v_table when 'session' then 'by_statement' else '' end;
    if not exists (select from pg_catalog.pg_trigger t where t.tgrelid = ('orrery.' || v_table)::regclass and t.tgname = 'state_guard'
        and t.tgnargs = (v_arguments <> '')::integer) then
      execute format('create or replace trigger state_guard before insert or update of state on orrery.%I
        for each row execute function orrery.state_guard(%s)', v_table, v_arguments);
    end if;
  end loop;
end
$do$;

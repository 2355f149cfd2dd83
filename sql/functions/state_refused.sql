-- state_refused: refuse a change of state that transition does not hold. It never returns; its type is the state's, for which it stands
-- in a query.
-- Writes: nothing.   Locks: none.
-- Errors: OR009.     Called by: state_guard, session_events.
create or replace function orrery.state_refused(p_machine text, p_id text, p_from text, p_to text, p_rule text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform orrery.fail('OR009', format('%s %s cannot go from %s to %s', p_machine, p_id, p_from, p_to),
    format('Rule %s asked for it.', p_rule),
    format('Allowed edges: SELECT * FROM orrery.transition WHERE machine = %L', p_machine));
  return null;
end
$$;
comment on function orrery.state_refused(text, text, text, text, text) is 'Refuses a change of state that transition does not hold.';

-- event_add: append one event; its number is what verbs return to watch.
-- Writes: event.   Locks: none.
-- Errors: none.    Called by: every decision.
create or replace function orrery.event_add(
  p_cluster text, p_noun text, p_noun_id text, p_rule text, p_reason text default null, p_detail jsonb default null
) returns bigint
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_event bigint;
begin
  insert into orrery.event (cluster, noun, noun_id, rule, reason, detail)
  values (p_cluster, p_noun, p_noun_id, p_rule, p_reason, p_detail)
  returning event_id into v_event;
  return v_event;
end
$$;
comment on function orrery.event_add(text, text, text, text, text, jsonb) is 'Appends one event and returns its number.';
grant execute on function orrery.event_add(text, text, text, text, text, jsonb) to orrery_space_owner;

-- agent_refuse: why this database may not tell an agent what to do, as {"code","message","hint"}; null when it may. It
-- may when its incarnation is higher than that of the database the agent obeyed last, or it is that very database.
-- Writes: event, once a minute for each agent.   Locks: none.
-- Errors: none.                                  Called by: agent_register.
--   p_incarnation, p_lineage: of the database that was obeyed last; null: none was.
create or replace function orrery.agent_refuse(p_name text, p_incarnation bigint, p_lineage text, p_database orrery.incarnation)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id      text;
  v_message text;
begin
  if p_incarnation is null or p_database.incarnation > p_incarnation
     or p_database.incarnation = p_incarnation and encode(p_database.lineage, 'hex') = p_lineage then
    return null;
  end if;
  v_message := format('agent %s has obeyed %s of incarnation %s; this one is of incarnation %s: blank, or restored from an older backup',
    left(p_name, 63), case when p_database.incarnation = p_incarnation then 'another database' else 'a database' end,
    p_incarnation, p_database.incarnation);
  v_id := coalesce((select a.agent_id::text from orrery.agent a where a.name = p_name), left(p_name, 63));
  if not exists (
    select from orrery.event e
    where e.noun = 'agent' and e.noun_id = v_id and e.rule = 'agent_register_refused' and e.recorded_at > orrery.clock() - interval '1 minute') then
    perform orrery.event_add(null, 'agent', v_id, 'agent_register_refused', v_message);
  end if;
  return jsonb_build_object('code', 'OR011', 'message', v_message,
    -- the highest that incarnation_raise takes
    'hint', case when p_incarnation <= 1 << 30 then format('If this database is to take over: SELECT incarnation_raise(%s)', p_incarnation)
      else 'No incarnation is above that: remove the file database from its data directory, and what it runs is stopped' end);
end
$$;
comment on function orrery.agent_refuse(text, bigint, text, orrery.incarnation) is 'Why an agent must not obey this database; null when it must.';

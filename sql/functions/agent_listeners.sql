-- agent_listeners: see that as many agents listen as may (listeners_max) and are there: one that is not up, or one too
-- many, listens no more; others take their place. They hear of it with their next heartbeat.
-- Writes: agent.listens.   Locks: the advisory lock of the listeners, agent; what is busy is left for the next time.
-- Errors: none.            Called by: tick_agents.
create or replace function orrery.agent_listeners() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_max   bigint := orrery.setting('listeners_max');
  v_up    bigint;
  v_wrong bigint;
  v_all   bigint;
begin
  select count(*) filter (where a.listens), count(*) filter (where a.listens and a.state <> 'up'), count(*) filter (where a.state = 'up')
  into v_up, v_wrong, v_all from orrery.agent a;
  if v_wrong = 0 and v_up = least(v_max, v_all) or not pg_try_advisory_xact_lock(hashtextextended('orrery.listeners', 0)) then
    return;
  end if;
  with ranked as (
    select a.agent_id, a.state, row_number() over (order by a.state = 'up' desc, a.agent_id) as n from orrery.agent a where a.listens
  ), held as (
    select a.agent_id from orrery.agent a join ranked r on r.agent_id = a.agent_id
    where r.state <> 'up' or r.n > v_max
    order by a.agent_id for no key update of a skip locked
  )
  update orrery.agent a set listens = false from held h where a.agent_id = h.agent_id;
  with held as (
    select a.agent_id from orrery.agent a where a.state = 'up' and not a.listens
    order by a.agent_id
    limit greatest(v_max - (select count(*) from orrery.agent o where o.listens), 0)
    for no key update skip locked
  )
  update orrery.agent a set listens = true from held h where a.agent_id = h.agent_id;
end
$$;
comment on function orrery.agent_listeners() is 'Sees that as many agents listen for doorbells as may.';

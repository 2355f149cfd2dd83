-- agent_listeners: see that as many agents listen for doorbells as may (listeners_max) and are there, and that the others that are
-- up are shared evenly among them, who pass theirs on. Written only where it changes; they hear of it with their next heartbeat.
-- Writes: agent.listens, agent.relays, agent_heartbeat.told_to.
-- Locks: agent, agent_heartbeat; what is busy is left for the next time.
-- Errors: none.   Called by: tick_agents.
create or replace function orrery.agent_listeners() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_max bigint := orrery.setting('listeners_max')::bigint;
begin
  if not exists (select from orrery.agent a where a.listens <> (a.state = 'up') or a.relays <> '[]')
      and (select count(*) from orrery.agent a where a.listens) <= v_max then
    return;
  end if;
  with up as (
    select a.agent_id, a.private_address, a.private_port, row_number() over (order by a.listens desc, a.agent_id) as n
    from orrery.agent a where a.state = 'up'
  ), listener as (
    select u.agent_id, u.n - 1 as n from up u where u.n <= v_max
  ), wanted as (
    select l.agent_id, jsonb_agg(jsonb_build_object('agent_id', u.agent_id, 'host', u.private_address, 'port', u.private_port)
      order by u.agent_id) filter (where u.agent_id is not null) as relays
    from listener l left join up u on u.n > v_max and u.n % (select count(*) from listener) = l.n
    group by l.agent_id
  ), held as (
    select a.agent_id, w.agent_id is not null as listens, coalesce(w.relays, '[]') as relays
    from orrery.agent a left join wanted w on w.agent_id = a.agent_id
    where a.listens <> (w.agent_id is not null) or a.relays <> coalesce(w.relays, '[]')
    order by a.agent_id for no key update of a skip locked
  ), beat as (
    select b.agent_id from orrery.agent_heartbeat b where b.agent_id in (select h.agent_id from held h)
    order by b.agent_id for no key update skip locked
  ), told as (
    update orrery.agent_heartbeat b set told_to = null from beat where b.agent_id = beat.agent_id
    returning b.agent_id
  )
  update orrery.agent a
  set listens = h.listens, relays = h.relays
  from held h
  where a.agent_id = h.agent_id
    and (exists (select from told t where t.agent_id = h.agent_id)
      or not exists (select from orrery.agent_heartbeat b where b.agent_id = h.agent_id));
end
$$;
comment on function orrery.agent_listeners() is 'Sees that as many agents listen for doorbells as may, and pass them on to the others.';

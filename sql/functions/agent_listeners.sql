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
  v_max    bigint := orrery.setting('listeners_max')::bigint;
  v_up     bigint;
  v_listen bigint;
  v_wrong  bigint;
begin
  select count(*) filter (where a.state = 'up'), count(*) filter (where a.listens),
    count(*) filter (where a.listens and a.state <> 'up' or not a.listens and a.relays <> '[]')
  into v_up, v_listen, v_wrong from orrery.agent a;
  -- five times cheaper than to share them out anew
  if v_listen = least(v_up, v_max) and v_wrong = 0 and (
      select (count(*), count(distinct u.agent_id)) = (v_up - v_listen, v_up - v_listen)
      from orrery.agent a, jsonb_to_recordset(a.relays) as r(agent_id bigint, host text, port integer)
      left join orrery.agent u on u.agent_id = r.agent_id and u.state = 'up' and not u.listens
        and u.private_address = r.host and u.private_port = r.port) then
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

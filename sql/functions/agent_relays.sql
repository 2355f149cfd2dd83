-- agent_relays: the agents that a listening agent passes doorbells on to: those up that do not listen are shared evenly
-- among those up that do.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: agent_heartbeat.
--   Returns [{"agent_id","host","port"}]; empty for one that does not listen.
create or replace function orrery.agent_relays(p_agent orrery.agent) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_relays jsonb;
begin
  if not p_agent.listens or not exists (select from orrery.agent a where a.state = 'up' and not a.listens) then
    return '[]'::jsonb;
  end if;
  with listener as (
    select a.agent_id, row_number() over (order by a.agent_id) - 1 as n, count(*) over () as count
    from orrery.agent a where a.state = 'up' and a.listens
  ), other as (
    select a.agent_id, a.private_address, a.private_port, row_number() over (order by a.agent_id) - 1 as n
    from orrery.agent a where a.state = 'up' and not a.listens
  )
  select jsonb_agg(jsonb_build_object('agent_id', o.agent_id, 'host', o.private_address, 'port', o.private_port) order by o.agent_id)
  into v_relays
  from listener l join other o on o.n % l.count = l.n
  where l.agent_id = p_agent.agent_id;
  return coalesce(v_relays, '[]'::jsonb);
end
$$;
comment on function orrery.agent_relays(orrery.agent) is 'The agents that a listening agent passes doorbells on to.';

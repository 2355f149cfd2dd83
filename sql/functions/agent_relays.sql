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
  v_listeners bigint[];
  v_others    bigint[];
  v_mine      bigint[];
begin
  if not p_agent.listens or not exists (select from orrery.agent a where a.state = 'up' and not a.listens) then
    return '[]'::jsonb;
  end if;
  select array_agg(a.agent_id order by a.agent_id) filter (where a.listens), array_agg(a.agent_id order by a.agent_id) filter (where not a.listens)
  into v_listeners, v_others
  from orrery.agent a where a.state = 'up';
  v_mine := array(
    select v_others[n]
    from generate_series(array_position(v_listeners, p_agent.agent_id), cardinality(v_others), cardinality(v_listeners)) n);
  return (
    select coalesce(jsonb_agg(jsonb_build_object('agent_id', a.agent_id, 'host', a.private_address, 'port', a.private_port) order by a.agent_id), '[]')
    from orrery.agent a where a.agent_id = any (v_mine));
end
$$;
comment on function orrery.agent_relays(orrery.agent) is 'The agents that a listening agent passes doorbells on to.';

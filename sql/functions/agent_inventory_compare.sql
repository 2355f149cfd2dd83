-- agent_inventory_compare: make what an agent runs and what the database believes agree. A server that is not in the
-- inventory has exited, unless its start is not reported done yet. Returns what the database does not know, to be stopped.
-- Most inventories say nothing new, and lock nothing: a thousand agents that register at once do not queue for their cluster.
-- Writes: what server_ready and server_exited write.   Locks: theirs, cluster first, all servers before any session.
-- Errors: none.                                        Called by: agent_heartbeat.
create or replace function orrery.agent_inventory_compare(p_agent_id bigint, p_inventory jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server  record;
  v_gone    bigint[];
  v_unknown jsonb;
begin
  if exists (select from orrery.agent_inventory_changes(p_agent_id, p_inventory)) then
    perform from orrery.cluster c
    where c.cluster in (select s.cluster from orrery.server s where s.agent_id = p_agent_id and s.state in ('starting', 'ready', 'stopping'))
    order by c.cluster for no key update;
    perform orrery.servers_lock((
      select array_agg(s.server_id) from orrery.server s where s.agent_id = p_agent_id and s.state in ('starting', 'ready', 'stopping')));
    v_gone := (
      select array_agg(s.server_id) from orrery.server s
      where s.agent_id = p_agent_id and s.state in ('starting', 'ready', 'stopping') and not exists (
        select from jsonb_to_recordset(p_inventory) as i(server_id bigint, epoch bigint) where i.server_id = s.server_id and i.epoch = s.epoch));
    perform orrery.sessions_lock(v_gone);
    perform orrery.commands_lock(p_agent_id, null, array(select c.server_id from orrery.agent_inventory_changes(p_agent_id, p_inventory) c));
    for v_server in
      select c.* from orrery.agent_inventory_changes(p_agent_id, p_inventory) c
    loop
      if v_server.is_ready then
        perform orrery.server_ready(v_server.server_id, v_server.epoch, v_server.pid);
      else
        perform orrery.server_exited(v_server.server_id, v_server.epoch, 'agent_inventory_compare', 'its agent does not run it any more');
      end if;
    end loop;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('server_id', i.server_id, 'epoch', i.epoch) order by i.server_id), '[]') into v_unknown
  from jsonb_to_recordset(p_inventory) as i(server_id bigint, epoch bigint, state text)
  where not exists (
    select from orrery.server s
    where s.server_id = i.server_id and s.epoch = i.epoch and s.agent_id = p_agent_id and s.state in ('starting', 'ready', 'stopping'));
  return v_unknown;
end
$$;
comment on function orrery.agent_inventory_compare(bigint, jsonb) is 'Makes an agent''s inventory and the database agree; returns servers the agent must stop.';

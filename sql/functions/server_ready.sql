-- server_ready: a server reported READY under its epoch. False when that is stale. A stop that it was given for being late is
-- void. Players of whoever was there before are its own from now on.
-- Writes: server, command, cluster, event; what allocation_serve and session_adopt write.
-- Locks: cluster, server; allocation, session and command (skip locked).
-- Errors: none.   Called by: agent_report, agent_inventory_compare.
create or replace function orrery.server_ready(p_server_id bigint, p_epoch bigint, p_pid integer) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server  orrery.server;
  v_cluster orrery.cluster;
begin
  select * into v_cluster from orrery.cluster c
  where c.cluster = (select s.cluster from orrery.server s where s.server_id = p_server_id) for no key update;
  select * into v_server from orrery.server s where s.server_id = p_server_id for no key update;
  if v_server.epoch is distinct from p_epoch or v_server.state not in ('starting', 'ready', 'stopping') then
    return false;
  end if;
  if v_server.state = 'starting' then
    update orrery.server s
    set state = 'ready', rule = 'server_ready', reason = 'reported READY', pid = case when p_pid > 0 then p_pid end, deadline_at = null, token = null
    where s.server_id = p_server_id
    returning * into v_server;
    -- what was not wanted any more would be stopping
    with late as (
      select c.command_id from orrery.command c
      where c.server_id = p_server_id and c.epoch = p_epoch and c.verb = 'stop' and c.state in ('pending', 'claimed')
      order by c.command_id for no key update skip locked
    )
    update orrery.command c set state = 'void', rule = 'server_ready', reason = 'it is ready' from late l where c.command_id = l.command_id;
    perform orrery.server_tell_waiting(v_server.cluster, v_server.kind, v_server.key, '{"tell":"ready"}', 'server_ready');
    if v_cluster.state = 'starting' then
      perform orrery.cluster_advance(v_server.cluster);
    end if;
    perform orrery.allocation_serve(v_server);
    perform orrery.session_adopt(p_server_id);
  end if;
  return true;
end
$$;
comment on function orrery.server_ready(bigint, bigint, integer) is 'Takes note that a server is ready, and tells who waits for it.';

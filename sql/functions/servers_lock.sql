-- servers_lock: lock placements and servers of a set, in key order, before the first session of any of them is locked:
-- a hand-off locks its target and then the session, so who goes through several servers must hold them all first.
-- Writes: nothing.   Locks: placement, server; the caller holds the clusters'.
-- Errors: none.      Called by: agent_report, agent_inventory_compare, agent_fence, fleet_drop, tick_agents.
create or replace function orrery.servers_lock(p_servers bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from orrery.placement p where p.server_id = any(p_servers) order by p.cluster, p.kind, p.key for no key update;
  perform from orrery.server s where s.server_id = any(p_servers) order by s.server_id for no key update;
end
$$;
comment on function orrery.servers_lock(bigint[]) is 'Locks a set of servers and what they own, in key order.';

-- sessions_lock: lock the sessions of a set of servers that are gone, and then what is attached to them or them to, each in
-- key order, before the first of them is changed: who holds a session may wait for what is attached to it.
-- Writes: nothing.   Locks: session, attachment; the caller holds the servers' (servers_lock).
-- Errors: none.      Called by: agent_report, agent_inventory_compare, agent_fence, tick_agents,
-- tick_commands.
create or replace function orrery.sessions_lock(p_servers bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from orrery.session s where s.server_id = any(p_servers) and (s.state <> 'ended' or not s.taken)
  order by s.session_id for no key update;
  perform from orrery.attachment a
  where a.session_id = any(array(
      select s.session_id from orrery.session s where s.server_id = any(p_servers) and s.state <> 'ended'
      union
      select t.session_id from orrery.attachment t where t.server_id = any(p_servers) and t.taken is distinct from t.ended))
    and (not a.ended or not a.taken)
  order by a.session_id, a.role for no key update;
end
$$;
comment on function orrery.sessions_lock(bigint[]) is 'Locks the sessions of a set of servers that are gone, in key order.';

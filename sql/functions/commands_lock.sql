-- commands_lock: lock commands of an agent by number: those named, and the open ones of servers that are gone or just became
-- ready. Whoever settles several takes them in this order, as agent_register does.
-- Writes: nothing.   Locks: command; the caller holds the servers' and sessions'.
-- Errors: none.      Called by: agent_report, agent_inventory_compare.
create or replace function orrery.commands_lock(p_agent_id bigint, p_commands bigint[], p_servers bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from orrery.command c
  where c.command_id in (
    select n from unnest(p_commands) n
    union all
    select o.command_id from orrery.command o where o.server_id = any(p_servers) and o.state in ('pending', 'claimed'))
    and c.agent_id = p_agent_id
  order by c.command_id for no key update;
end
$$;
comment on function orrery.commands_lock(bigint, bigint[], bigint[]) is 'Locks commands of an agent, and of its servers that are gone or just became ready, by number.';

-- agent_inventory_changes: what an inventory says of an agent's servers that the database does not know yet: they are ready, or
-- they have exited, since they are not in it and their start is not still to be reported done.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: agent_inventory_compare.
create or replace function orrery.agent_inventory_changes(p_agent_id bigint, p_inventory jsonb)
returns table (server_id bigint, epoch bigint, is_ready boolean, pid integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select s.server_id, s.epoch, i.server_id is not null, i.pid
  from orrery.server s
  left join jsonb_to_recordset(p_inventory) as i(server_id bigint, epoch bigint, state text, pid integer)
    on i.server_id = s.server_id and i.epoch = s.epoch
  where s.agent_id = p_agent_id and s.state in ('starting', 'ready', 'stopping')
    and (i.state = 'ready' and s.state = 'starting'
      or i.server_id is null and not exists (
        select from orrery.command c
        where c.server_id = s.server_id and c.epoch = s.epoch and c.verb = 'start' and c.state in ('pending', 'claimed')))
  order by s.server_id;
end
$$;
comment on function orrery.agent_inventory_changes(bigint, jsonb) is 'What an inventory says of an agent''s servers that the database does not know yet.';

-- port_find: the first of so many contiguous ports of an agent's range that are free and have rested for port_rest_ms: those that
-- nobody had yet, or else those that have rested longest. Null when there are none.
-- The two first looks are by index; the last, over the whole range, is only for several at once or a range nearly used up.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: port_take, port_lack.
create or replace function orrery.port_find(p_agent orrery.agent, p_protocol text, p_count integer) returns integer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rested timestamptz := orrery.clock() - make_interval(secs => orrery.setting('port_rest_ms')::float8 / 1000);
  v_port   integer;
begin
  v_port := coalesce((
    select max(p.port) from orrery.port p
    where p.agent_id = p_agent.agent_id and p.protocol = p_protocol and p.port between p_agent.port_min and p_agent.port_max) + 1, p_agent.port_min);
  if v_port + p_count - 1 <= p_agent.port_max then
    return v_port;
  end if;
  if p_count = 1 then
    select p.port into v_port from orrery.port p
    where p.agent_id = p_agent.agent_id and p.protocol = p_protocol and p.server_id is null and p.freed_at <= v_rested
      and p.port between p_agent.port_min and p_agent.port_max
    order by p.freed_at, p.port limit 1;
    if found then
      return v_port;
    end if;
  end if;
  return (
    select r.port
    from (
      select n as port, count(*) over w as wide, max(p.freed_at) over w as freed_at,
        bool_or(p.server_id is not null or p.freed_at > v_rested) over w as busy
      from generate_series(p_agent.port_min, p_agent.port_max) n
      left join orrery.port p on p.agent_id = p_agent.agent_id and p.protocol = p_protocol and p.port = n
      window w as (order by n rows between current row and p_count - 1 following)
    ) r
    where r.wide = p_count and r.busy is not true
    order by r.freed_at nulls first, r.port limit 1);
end
$$;
comment on function orrery.port_find(orrery.agent, text, integer) is 'The first of so many free contiguous ports of an agent, or null.';

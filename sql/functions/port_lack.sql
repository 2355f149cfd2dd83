-- port_lack: what ports of a kind an agent's range has not, in words; null when it has all.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: placement_pick, placement_explain.
create or replace function orrery.port_lack(p_agent orrery.agent, p_kind orrery.server_kind) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rested timestamptz := orrery.clock() - make_interval(secs => orrery.setting('port_rest_ms')::float8 / 1000);
  v_port record;
  v_free bigint;
begin
  for v_port in
    select p.protocol, sum(p.count) filter (where p.n > 1 or p_kind.public_port is null) as total,
      max(p.count) filter (where p.n > 1 or p_kind.public_port is null) as widest,
      -- a fixed one that lies in the range is not left for the others
      coalesce(sum(p.count) filter (where p.n = 1 and p_kind.public_port between p_agent.port_min and p_agent.port_max), 0) as fixed
    from rows from (jsonb_to_recordset(p_kind.ports) as (name text, protocol text, count integer)) with ordinality p(name, protocol, count, n)
    group by p.protocol order by p.protocol
  loop
    if v_port.total is not null then
      v_free := p_agent.port_max - p_agent.port_min + 1 - v_port.fixed
        - (select count(*) from orrery.port t where t.agent_id = p_agent.agent_id and t.protocol = v_port.protocol and t.server_id is not null
            and t.port between p_agent.port_min and p_agent.port_max)
        - (select count(*) from orrery.port t where t.agent_id = p_agent.agent_id and t.protocol = v_port.protocol and t.server_id is null
            and t.freed_at > v_rested and t.port between p_agent.port_min and p_agent.port_max
            -- a fixed one needs no rest, and is not left for the others already
            and (v_port.fixed = 0 or t.port not between p_kind.public_port and p_kind.public_port + v_port.fixed - 1));
      if v_free < v_port.total then
        return case when v_port.total = 1 or v_free <= 0 then 'has no port left' else format('has %s of %s %s ports left', v_free, v_port.total, v_port.protocol) end;
      elsif v_port.widest > 1 and orrery.port_find(p_agent, v_port.protocol, v_port.widest) is null then
        return format('has no %s %s ports in a row left', v_port.widest, v_port.protocol);
      end if;
    end if;
  end loop;
  return null;
end
$$;
comment on function orrery.port_lack(orrery.agent, orrery.server_kind) is 'What ports of a kind an agent has not, in words.';

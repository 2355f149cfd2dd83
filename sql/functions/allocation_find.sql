-- allocation_find: a free server of a fleet that a selector fits, locked; with shared also one that others have, as long as its counters have
-- room. First those that share, then those on the agent with the most servers that others have, so that others empty; else the oldest.
-- One whose row is held by another allocation is passed over at first; when nothing else is left it is waited for, so that none is
-- missed while the other gives up.
-- Writes: nothing.   Locks: server.
-- Errors: 55P03 when others hold what is left for too long.   Called by: allocation_take.
create or replace function orrery.allocation_find(p_cluster text, p_selector jsonb) returns orrery.server
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fleet    text := p_selector ->> 'fleet';
  v_kind     text := p_selector ->> 'kind';
  v_labels   jsonb := coalesce(p_selector -> 'labels', '{}');
  v_counters jsonb := p_selector -> 'counters';
  v_shared   boolean := coalesce((p_selector ->> 'shared')::boolean, false);
  v_server   orrery.server;
begin
  select s.* into v_server
  from orrery.server s join orrery.agent a on a.agent_id = s.agent_id and a.state = 'up' and a.drain_at is null
  where s.cluster = p_cluster and s.state = 'ready' and s.fleet is not null and (s.fleet = v_fleet or v_fleet is null) and (s.kind = v_kind or v_kind is null)
    and (s.allocations = 0 or v_shared) and (v_labels = '{}' or a.labels || s.labels @> v_labels)
    and (v_counters is null or orrery.counters_fit(s.counters, v_counters))
  order by s.allocations > 0 desc, s.server_id
  limit 1 for no key update of s skip locked;
  if not found then
    select s.* into v_server
    from orrery.server s join orrery.agent a on a.agent_id = s.agent_id and a.state = 'up' and a.drain_at is null
    where s.cluster = p_cluster and s.state = 'ready' and s.fleet is not null and (s.fleet = v_fleet or v_fleet is null) and (s.kind = v_kind or v_kind is null)
      and (s.allocations = 0 or v_shared) and (v_labels = '{}' or a.labels || s.labels @> v_labels)
      and (v_counters is null or orrery.counters_fit(s.counters, v_counters))
    order by s.server_id
    limit 1 for no key update of s;
  end if;
  return v_server;
end
$$;
comment on function orrery.allocation_find(text, jsonb) is 'A free server that a selector fits, locked.';

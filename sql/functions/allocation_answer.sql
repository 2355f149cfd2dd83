-- allocation_answer: what whoever asked is told of his allocation: {"allocation_id","status","reason"}, status ready (allocated),
-- confirmed, waiting, released, expired or failed; and of the server, when he has one, {"server":{"server_id","epoch","kind","key",
-- "host","ports":{name:first number},"counters","labels"},"confirm_in_ms"}.
-- Writes: nothing.   Locks: none.   Errors: none.
-- Called by: server_allocate, allocation_confirm, allocation_release.
create or replace function orrery.allocation_answer(p_allocation orrery.allocation) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_strip_nulls(jsonb_build_object('allocation_id', p_allocation.allocation_id,
    'status', case p_allocation.state when 'allocated' then 'ready' else p_allocation.state end, 'reason', p_allocation.reason,
    'confirm_in_ms', case when p_allocation.confirm_by is not null
      then greatest(0, floor(extract(epoch from p_allocation.confirm_by - orrery.clock()) * 1000)) end,
    'server', case when p_allocation.state in ('allocated', 'confirmed') then (
      select jsonb_build_object('server_id', s.server_id, 'epoch', p_allocation.epoch, 'kind', s.kind, 'key', s.key, 'host', s.public_host,
        'ports', (select coalesce(jsonb_object_agg(p.name, p.port), '{}') from (
          select p.name, min(p.port) as port from orrery.port p where p.server_id = s.server_id group by p.name) p),
        'counters', s.counters, 'labels', s.labels)
      from orrery.server s where s.server_id = p_allocation.server_id) end));
end
$$;
comment on function orrery.allocation_answer(orrery.allocation) is 'What whoever asked is told of his allocation.';

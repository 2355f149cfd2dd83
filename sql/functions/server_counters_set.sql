-- server_counters_set: a server says how many there are and how many there may be, by name, and what it is.
-- p_counters: {"players":{"count":3,"capacity":16}}; names that are left out stay, and so does a count or a capacity.
-- p_labels: as an agent's; instead of those before; null: they stay.
-- Writes: server.   Locks: server.
-- Errors: OR003 malformed; those of server_identity.   Called by: servers.
create or replace function orrery.server_counters_set(p_server_id bigint, p_epoch bigint, p_token text, p_counters jsonb, p_labels jsonb default null)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text;
begin
  perform orrery.server_identity(p_server_id, p_epoch, p_token);
  if jsonb_typeof(p_counters) is distinct from 'object' or (select count(*) from jsonb_object_keys(p_counters)) > 16 then
    v_fault := 'Counters are an object of 16 at most.';
  else
    select format('Counter %s is none.', left(format('%s: %s', c.key, c.value), 100)) into v_fault
    from jsonb_each(p_counters) c
    where c.key !~ '^[a-z][a-z0-9_]{0,31}$' or jsonb_typeof(c.value) <> 'object' or orrery.counters_fault(c.value) is not null
      or c.value - array['count', 'capacity'] <> '{}'
    order by c.key limit 1;
  end if;
  v_fault := coalesce(v_fault, case when p_labels is not null then orrery.labels_fault(p_labels) end);
  if v_fault is not null then
    perform orrery.fail('OR003', format('server %s: malformed counters or labels', p_server_id), v_fault, '{"players":{"count":3,"capacity":16}}');
  end if;
  perform from orrery.server s where s.server_id = p_server_id for no key update;
  perform orrery.server_identity(p_server_id, p_epoch, p_token);
  update orrery.server s
  set labels = coalesce(p_labels, s.labels), counters = (
    select jsonb_object_agg(k.name, '{"count":0,"capacity":0}'::jsonb || coalesce(s.counters -> k.name, '{}') || coalesce(p_counters -> k.name, '{}'))
    from (select jsonb_object_keys(s.counters || p_counters) as name) k)
  where s.server_id = p_server_id and s.counters || p_counters <> '{}';
end
$$;
comment on function orrery.server_counters_set(bigint, bigint, text, jsonb, jsonb) is 'A server says how many there are on it and may be.';
grant execute on function orrery.server_counters_set(bigint, bigint, text, jsonb, jsonb) to orrery_session;

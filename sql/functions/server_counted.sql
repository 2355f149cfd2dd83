-- server_counted: keep what a server says of how many there are on it and may be, and of itself.
-- p_counters, p_labels: as server_counters_set's; of 16 names at most, those said before included.
-- Returns what is wrong with them, in words; null when they are kept, or its epoch is over.
-- Writes: server.   Locks: server.
-- Errors: none.   Called by: server_counters_set, agent_report.
create or replace function orrery.server_counted(p_server_id bigint, p_epoch bigint, p_counters jsonb, p_labels jsonb default null) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text;
begin
  if jsonb_typeof(p_counters) is distinct from 'object' then
    return 'Counters are an object.';
  else
    select format('Counter %s is none: it is a name of 1 to 32 of a-z 0-9 _, a letter first, with {"count","capacity"}, integers from 0 to 999999999.',
      left(format('%s: %s', c.key, c.value), 100)) into v_fault
    from jsonb_each(p_counters) c
    where c.key !~ '^[a-z][a-z0-9_]{0,31}$' or jsonb_typeof(c.value) <> 'object' or orrery.counters_fault(c.value) is not null
      or c.value - array['count', 'capacity'] <> '{}'
    order by c.key limit 1;
  end if;
  v_fault := coalesce(v_fault, case when p_labels is not null then orrery.labels_fault(p_labels) end, (
    select 'There are 16 counters at most, those of before included.' from orrery.server s
    where s.server_id = p_server_id and s.epoch = p_epoch and (select count(*) from jsonb_object_keys(s.counters || p_counters)) > 16));
  if v_fault is not null then
    return v_fault;
  end if;
  update orrery.server s
  set labels = coalesce(p_labels, s.labels), counters = (
    select coalesce(jsonb_object_agg(k.name, '{"count":0,"capacity":0}'::jsonb || coalesce(s.counters -> k.name, '{}') || coalesce(p_counters -> k.name, '{}')), '{}')
    from (select jsonb_object_keys(s.counters || p_counters) as name) k)
  where s.server_id = p_server_id and s.epoch = p_epoch and s.state in ('starting', 'ready', 'stopping');
  return null;
end
$$;
comment on function orrery.server_counted(bigint, bigint, jsonb, jsonb) is 'Keeps what a server says of how many there are on it.';

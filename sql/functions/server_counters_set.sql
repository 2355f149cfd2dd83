-- server_counters_set: a server says how many there are and how many there may be, by name, and what it is.
-- p_counters: {"players":{"count":3,"capacity":16}}; names that are left out stay, and so does a count or a capacity.
-- p_labels: as an agent's; instead of those before; null: they stay.
-- Writes: what server_counted writes.   Locks: server.
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
  perform from orrery.server s where s.server_id = p_server_id for no key update;
  perform orrery.server_identity(p_server_id, p_epoch, p_token);
  v_fault := orrery.server_counted(p_server_id, p_epoch, p_counters, p_labels);
  if v_fault is not null then
    perform orrery.fail('OR003', format('server %s: malformed counters or labels', p_server_id), v_fault, '{"players":{"count":3,"capacity":16}}');
  end if;
end
$$;
comment on function orrery.server_counters_set(bigint, bigint, text, jsonb, jsonb) is 'A server says how many there are on it and may be.';
grant execute on function orrery.server_counters_set(bigint, bigint, text, jsonb, jsonb) to orrery_session;

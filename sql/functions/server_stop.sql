-- server_stop: stop one server; its players are logged out. One that is always on is replaced while its cluster is up.
-- Writes: what server_stop_now writes.   Locks: the incarnation row when it is raised; cluster, placement, server.
-- Errors: OR001 unknown, OR002 stops already, OR003 such a reason.   Called by: DBA, CLI.
create or replace function orrery.server_stop(p_server_id bigint, p_reason text default null) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server orrery.server;
begin
  if length(p_reason) not between 1 and 200 or p_reason ~ '[[:cntrl:]]' then
    perform orrery.fail('OR003', 'a reason has 1 to 200 characters, none of them a control character', format('Got %L.', left(p_reason, 200)), null);
  end if;
  select * into v_server from orrery.server s where s.server_id = p_server_id;
  if not found then
    perform orrery.fail('OR001', format('no server %s', coalesce(p_server_id::text, 'null')), null, 'SELECT * FROM server_status');
  end if;
  perform orrery.incarnation_current();
  perform from orrery.cluster c where c.cluster = v_server.cluster for no key update;
  select * into v_server from orrery.server s where s.server_id = p_server_id;
  if v_server.state in ('stopping', 'stopped') then
    perform orrery.fail('OR002', format('server %s is %s', p_server_id, v_server.state), v_server.reason, 'SELECT * FROM server_status');
  end if;
  return orrery.server_stop_now(p_server_id, coalesce(p_reason, 'asked by ' || session_user), 'server_stop');
end
$$;
comment on function orrery.server_stop(bigint, text) is 'Stops one server; its players are logged out.';
grant execute on function orrery.server_stop(bigint, text) to orrery_admin;

-- server_identity: the check that every call of a server begins with; the caller's row.
-- p_role: the only role of kind that may make this call; null any.
-- Reads: server, server_kind.
-- Errors: OR003 null; OR004 unknown server, wrong token, wrong role; OR007 an epoch that is over.
-- Called by: every function of role orrery_session.
create or replace function orrery.server_identity(p_server_id bigint, p_epoch bigint, p_token text, p_role text default null)
returns orrery.server
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server orrery.server;
  v_role text;
begin
  perform orrery.call_begin();
  if p_server_id is null or p_epoch is null or p_token is null then
    perform orrery.fail('OR003', 'server id, epoch and token are needed',
      'One of them is null.', 'Pass what the spawn contract gave the server.');
  end if;
  select s.* into v_server from orrery.server s where s.server_id = p_server_id;
  -- an epoch is given anew before a server is asked for again: one that runs is never still asked for, but in an older backup
  if not found or p_epoch > v_server.epoch or p_epoch = v_server.epoch and v_server.state = 'requested' then
    perform orrery.fail('OR004', format('server %s is not known under epoch %s', p_server_id, p_epoch),
      'No such server in the cluster of this login, or it never had this epoch.',
      'A server uses the id and epoch it was started with.');
  end if;
  if p_epoch < v_server.epoch or v_server.state not in ('starting', 'ready', 'stopping') then
    perform orrery.fail('OR007', format('server %s, epoch %s, is over', p_server_id, p_epoch),
      format('It is %s under epoch %s.', v_server.state, v_server.epoch), 'A server that is replaced drops what it held and exits.');
  end if;
  if v_server.token_hash is distinct from sha256(convert_to(p_token, 'UTF8')) then
    perform orrery.fail('OR004', format('server %s: wrong token', p_server_id),
      'The token is not the one issued for this epoch.', 'A server uses the token it was started with.');
  end if;
  if p_role is not null then
    select k.role into v_role from orrery.server_kind k where k.cluster = v_server.cluster and k.kind = v_server.kind;
    if v_role is distinct from p_role then
      perform orrery.fail('OR004', format('server %s is no %s server', p_server_id, p_role),
        format('Its kind %s has role %s.', v_server.kind, v_role), format('Only a %s server makes this call.', p_role));
    end if;
  end if;
  return v_server;
end
$$;
comment on function orrery.server_identity(bigint, bigint, text, text) is 'Checks who calls and returns its server row.';

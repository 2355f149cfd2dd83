-- server_target: what a source server and the client need to reach a target (TARGET of docs/control.md).
-- p_epoch: the session's epoch at the target.   Reads: server, cluster_secret.
-- Called by: session_targets, chat_peers.
create or replace function orrery.server_target(p_source orrery.server, p_target_id bigint, p_epoch bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
      'server_id', s.server_id, 'server_epoch', s.epoch, 'kind', s.kind, 'key', s.key, 'epoch', p_epoch,
      'public_host', s.public_host, 'public_port', s.public_port,
      'private_host', s.private_host, 'private_port', s.private_port,
      'link_key', encode(orrery.link_key(orrery.link_root(c.link_secret, s.server_id, s.epoch),
        (p_source).server_id, (p_source).epoch), 'hex'))
    from orrery.server s
    join orrery.cluster_secret c on c.cluster = s.cluster
    where s.server_id = p_target_id);
end
$$;
comment on function orrery.server_target(orrery.server, bigint, bigint) is 'Where a session goes: address, epochs and link key.';

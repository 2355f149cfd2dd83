-- chat_peers: how a chat server reaches the others of its cluster: TARGETs (docs/control.md), their `epoch` 0.
-- Reads: server, cluster_secret.   Locks: none.
-- Errors: those of server_identity.   Called by: src/pg/control_api.
create or replace function orrery.chat_peers(p_server_id bigint, p_epoch bigint, p_token text) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'chat');
begin
  return (
    select coalesce(jsonb_agg(orrery.server_target(v_me, c.id, 0) order by c.n), '[]')
    from unnest(orrery.chat_servers(v_me.cluster)) with ordinality c (id, n) where c.id <> v_me.server_id);
end
$$;
comment on function orrery.chat_peers(bigint, bigint, text) is 'How a chat server reaches the others of its cluster.';
grant execute on function orrery.chat_peers(bigint, bigint, text) to orrery_session;

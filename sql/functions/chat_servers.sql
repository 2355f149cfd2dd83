-- chat_servers: the chat servers of a cluster that are ready, in an order that stays as they come and go. A session is at
-- [1 + its number % how many].
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: chat_peers, session_places, session_resolve.
create or replace function orrery.chat_servers(p_cluster text) returns bigint[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select s.server_id
    from orrery.server_kind k
    join orrery.placement p on p.cluster = k.cluster and p.kind = k.kind
    join orrery.server s on s.server_id = p.server_id and s.state = 'ready'
    where k.cluster = p_cluster and k.role = 'chat'
    order by p.kind, p.key);
end
$$;
comment on function orrery.chat_servers(text) is 'Chat servers of a cluster that are ready, in a stable order.';

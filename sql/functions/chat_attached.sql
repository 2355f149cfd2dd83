-- chat_attached: the characters of sessions that are attached to a chat server, in the order they were asked for; null where a session is
-- not, under this epoch.
-- Reads: attachment, session, character.   Writes: nothing.   Locks: none.
-- Errors: none.   Called by: chat_channels, chat_join, chat_leave, chat_say.
create or replace function orrery.chat_attached(p_server_id bigint, p_sessions bigint[], p_epochs bigint[]) returns orrery."character"[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select array_agg(c.who order by u.n)
    from unnest(p_sessions, p_epochs) with ordinality u (id, epoch, n)
    left join lateral (
      select s.character_id from orrery.attachment a join orrery.session s on s.session_id = a.session_id
      where a.session_id = u.id and a.role = 'chat' and a.server_id = p_server_id and a.epoch = u.epoch and not a.ended offset 0) a on true
    left join lateral (select c as who from orrery."character" c where c.character_id = a.character_id offset 0) c on true);
end
$$;
comment on function orrery.chat_attached(bigint, bigint[], bigint[]) is 'Characters of the sessions that are attached to a chat server.';

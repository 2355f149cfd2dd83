-- chat_told: the chat server of a character in play asks anew which channels it is in: its arrival is told again, under the same epoch.
-- Writes: attachment.taken; what session_tell writes.   Locks: attachment.
-- Errors: none.   Called by: chat_ban.
create or replace function orrery.chat_told(p_character_id bigint, p_rule text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_servers bigint[];
begin
  with told as (
    update orrery.attachment a set taken = false
    from orrery.session s
    where s.character_id = p_character_id and s.account_id = (select c.account_id from orrery."character" c where c.character_id = p_character_id)
      and s.state <> 'ended' and a.session_id = s.session_id and a.role = 'chat' and not a.ended
    returning a.server_id
  )
  select array_agg(t.server_id) into v_servers from told t;
  perform orrery.session_tell(v_servers, p_rule);
end
$$;
comment on function orrery.chat_told(bigint, text) is 'Has a chat server ask anew which channels a character is in.';

-- chat_ban: a character is put out of a channel that players made, and may not come back until then; its chat server is told.
-- p_seconds: for how long; null: for good.
-- Returns the event, and says in words how to undo it.
-- Writes: attachment (told anew), chat_penalty, chat_member, event; what session_tell writes.   Locks: attachment, then those of chat_penalty_set.
-- Errors: OR003 no channel; those of chat_character, chat_penalty_set and cluster_resolve.   Called by: DBA.
create or replace function orrery.chat_ban(p_character text, p_channel text, p_seconds bigint, p_why text, p_cluster text default null)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text := orrery.cluster_resolve(p_cluster,
    replace(format('chat_ban(%L, %L, %s, %L', left(p_character, 64), left(p_channel, 64),
      coalesce(p_seconds::text, 'null'), left(p_why, 200)), '%', '%%') || ', %L)');
  v_who     record;
  v_words   text;
begin
  if p_channel is null then
    perform orrery.fail('OR003', 'a character is banned from a channel', 'Got null.',
      'SELECT chat_mute(''name'', 600, ''why'') keeps it from speaking everywhere.');
  end if;
  v_who := orrery.chat_character(v_cluster, p_character, p_channel);
  perform orrery.chat_told(v_who.character_id, 'chat_ban');
  v_words := format('%s in %s is %s', v_who.character_name, v_who.channel_name,
    orrery.chat_penalty_set(v_cluster, v_who.character_id, v_who.channel_id, true, p_seconds, p_why));
  delete from orrery.chat_member m where m.channel_id = v_who.channel_id and m.character_id = v_who.character_id;
  raise notice '%', format('%s; undo: SELECT chat_pardon(%L, %L, %L)', v_words, v_who.character_name, v_who.channel_name, v_cluster);
  return orrery.event_add(v_cluster, 'character', v_who.character_id::text, 'chat_ban', v_words || ', by ' || session_user);
end
$$;
comment on function orrery.chat_ban(text, text, bigint, text, text) is 'Puts a character out of a channel; returns the event.';
grant execute on function orrery.chat_ban(text, text, bigint, text, text) to orrery_admin;

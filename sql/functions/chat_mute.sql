-- chat_mute: a character may not speak, at once and until then; it is told why with each try.
-- p_seconds: for how long; null: for good.   p_channel: one that players made; null: everywhere, directly as well.
-- Returns the event, and says in words how to undo it.
-- Writes: chat_penalty, event.   Locks: those of chat_penalty_set.
-- Errors: those of chat_character, chat_penalty_set and cluster_resolve.   Called by: DBA.
create or replace function orrery.chat_mute(p_character text, p_seconds bigint, p_why text, p_channel text default null, p_cluster text default null)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text := orrery.cluster_resolve(p_cluster,
    replace(format('chat_mute(%L, %s, %L, %L', left(p_character, 64),
      coalesce(p_seconds::text, 'null'), left(p_why, 200), left(p_channel, 64)), '%', '%%') || ', %L)');
  v_who     record;
  v_words   text;
begin
  v_who := orrery.chat_character(v_cluster, p_character, p_channel);
  v_words := format('%s is %s', concat_ws(' in ', v_who.character_name, v_who.channel_name),
    orrery.chat_penalty_set(v_cluster, v_who.character_id, v_who.channel_id, false, p_seconds, p_why));
  raise notice '%', format('%s; undo: SELECT chat_pardon(%L, %L, %L)', v_words, v_who.character_name, v_who.channel_name, v_cluster);
  return orrery.event_add(v_cluster, 'character', v_who.character_id::text, 'chat_mute', v_words || ', by ' || session_user);
end
$$;
comment on function orrery.chat_mute(text, bigint, text, text, text) is 'Keeps a character from speaking; returns the event.';
grant execute on function orrery.chat_mute(text, bigint, text, text, text) to orrery_admin;

-- chat_character: a character by its name, whatever its case, and a channel that players made, by its; for verbs.
-- Returns the character's id and name, and the channel's; of the channel null when p_channel is null.
-- Writes: nothing.   Locks: none.
-- Errors: OR001 unknown, or null.       Called by: chat_ban, chat_mute, chat_pardon.
create or replace function orrery.chat_character(
  p_cluster text, p_character text, p_channel text, out character_id bigint, out character_name text, out channel_id bigint, out channel_name text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  select c.character_id, c.name into character_id, character_name from orrery."character" c where c.cluster = p_cluster and c.name_key = lower(p_character);
  if not found then
    perform orrery.fail('OR001', format('no character %s in %s', coalesce(left(p_character, 64), 'null'), p_cluster), 'Names are compared without case.',
      'SELECT * FROM session_status');
  end if;
  select h.channel_id, h.name into channel_id, channel_name from orrery.chat_channel h
  where h.cluster = p_cluster and h.kind = 'created' and h.name_key = lower(p_channel);
  if not found and p_channel is not null then
    perform orrery.fail('OR001', format('no channel %s in %s', left(p_channel, 64), p_cluster), 'Of those that players made; names are compared without case.',
      'SELECT * FROM chat_status');
  end if;
end
$$;
comment on function orrery.chat_character(text, text, text) is 'A character and a channel by their names.';

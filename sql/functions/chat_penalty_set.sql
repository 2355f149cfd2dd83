-- chat_penalty_set: keep a character from speaking, or from a channel; what was so before is replaced.
-- p_channel_id: where; null: everywhere.   p_seconds: for how long; null: for good.
-- Returns it in words, as the player is told.
-- Writes: chat_penalty.   Locks: chat_channel: whoever comes in meanwhile is waited for, or sees the ban.
-- Errors: OR001 the channel is gone; OR003 no such time, a reason too long or with control characters.   Called by: chat_ban, chat_mute.
create or replace function orrery.chat_penalty_set(
  p_cluster text, p_character_id bigint, p_channel_id bigint, p_is_ban boolean, p_seconds bigint, p_reason text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_seconds_max constant bigint := 3155760000; -- 100 years
  v_now   timestamptz := orrery.clock();
  v_until timestamptz;
begin
  if p_reason is null or p_reason !~ '^[^[:cntrl:]]{1,200}$' or p_seconds not between 1 and c_seconds_max then
    perform orrery.fail('OR003', 'the reason has 1 to 200 characters, none of them a control character; the time is 1 second to 100 years',
      format('Got %L, %L.', left(p_reason, 250), p_seconds), 'SELECT chat_mute(''name'', 600, ''why''); with null seconds it is for good.');
  end if;
  if p_channel_id is not null then
    perform from orrery.chat_channel h where h.channel_id = p_channel_id for no key update;
    if not found then
      perform orrery.fail('OR001', 'the channel is gone', 'It was dropped, or left by everybody, just now.', 'SELECT * FROM chat_status');
    end if;
  end if;
  v_until := v_now + p_seconds * interval '1 second';
  insert into orrery.chat_penalty (character_id, channel_id, cluster, is_ban, until_at, reason, given_at)
  values (p_character_id, p_channel_id, p_cluster, p_is_ban, v_until, p_reason, v_now)
  on conflict (character_id, channel_id) do update
  set is_ban = excluded.is_ban, until_at = excluded.until_at, reason = excluded.reason, given_at = excluded.given_at;
  return regexp_replace(orrery.ban_words(v_until, p_reason), '^banned', case when p_is_ban then 'banned' else 'muted' end);
end
$$;
comment on function orrery.chat_penalty_set(text, bigint, bigint, boolean, bigint, text) is 'Keeps a character from speaking, or from a channel.';

-- chat_say: players say things, in channels or directly to a character. Each message gets the next number of its channel, under the lock of the
-- channel's row, which is held until commit: so numbers have no gap, and whoever sees one can see all before it. Said directly, it stands in
-- the own channels of both.
-- p_messages: [{"ref","session_id","epoch","message_id","channel_id" or "to":name,"text"}] →
-- {"ref","from","to"|null,"said":[{"channel_id","number"}]}, the first where its sender hears it; or {"ref","error"}. What was said before under
-- the same session, message_id and channel is answered as then, and is not said again.
-- Writes: chat_message, chat_channel.   Locks: chat_channel, in key order.
-- Errors: those of server_identity and batch_check; of an entry: OR001 no such channel, not in it, no such character; OR002 muted, with what the player is
-- told; OR003 malformed; OR007 not attached here any more.
-- Called by: src/pg/control_api.
create or replace function orrery.chat_say(p_server_id bigint, p_epoch bigint, p_token text, p_messages jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now      timestamptz := orrery.clock();
  v_me       orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'chat');
  v_refs     jsonb[];
  v_sessions bigint[];
  v_epochs   bigint[];
  v_messages bigint[];   -- the clients' ids of them
  v_channels bigint[];   -- where the sender hears it
  v_tos      text[];
  v_texts    text[];
  v_whos     orrery."character"[];
  v_others   bigint[];   -- the other's own channel, of what is said directly
  v_answers  jsonb[];
begin
  perform orrery.batch_check('p_messages', p_messages);
  select array_agg(e.value -> 'ref' order by e.n),
    array_agg(case when (e.value -> 'session_id')::text ~ '^[0-9]{1,18}$' then (e.value ->> 'session_id')::bigint end order by e.n),
    array_agg(case when (e.value -> 'epoch')::text ~ '^[0-8]?[0-9]{1,18}$' then (e.value ->> 'epoch')::bigint end order by e.n),
    array_agg(case when (e.value -> 'message_id')::text ~ '^[0-9]{1,18}$'
        or (e.value -> 'message_id')::text ~ '^[1-9][0-9]{18}$' and (e.value -> 'message_id')::text collate "C" <= '9223372036854775807'
      then (e.value ->> 'message_id')::bigint end order by e.n),
    array_agg(case when (e.value -> 'channel_id')::text ~ '^[0-9]{1,18}$' then (e.value ->> 'channel_id')::bigint end order by e.n),
    array_agg(case when jsonb_typeof(e.value -> 'to') = 'string' then e.value ->> 'to' end order by e.n),
    array_agg(case when jsonb_typeof(e.value -> 'text') = 'string' and octet_length(e.value ->> 'text') between 1 and 500
      and e.value ->> 'text' !~ '[[:cntrl:]]'
      then e.value ->> 'text' end order by e.n)
  into v_refs, v_sessions, v_epochs, v_messages, v_channels, v_tos, v_texts
  from jsonb_array_elements(p_messages) with ordinality e (value, n);
  if v_refs is null then
    return '[]'::jsonb;
  end if;
  v_whos := orrery.chat_attached(v_me.server_id, v_sessions, v_epochs);

  -- to whom it is said directly; both have a channel of their own
  if array_remove(v_tos, null) <> '{}' then
    insert into orrery.chat_channel (cluster, kind, name, owner_id, created_at)
    select v_me.cluster, 'direct', w.character_id::text, w.character_id, v_now
    from (
      select (v_whos[u.n]).character_id from unnest(v_tos) with ordinality u (name, n) where u.name is not null
      union
      select c.character_id from unnest(v_tos) u (name)
      cross join lateral (select c.character_id from orrery."character" c where c.cluster = v_me.cluster and c.name_key = lower(u.name) offset 0) c
    ) w
    cross join lateral (
      select count(*) as n from orrery.chat_channel h where h.cluster = v_me.cluster and h.kind = 'direct' and h.name_key = w.character_id::text offset 0) h
    where w.character_id is not null and h.n = 0
    order by w.character_id::text
    on conflict (cluster, kind, name_key) do nothing;
    select array_agg(c.name order by u.n), array_agg(o.channel_id order by u.n),
      array_agg(case when u.name is null then u.channel_id else h.channel_id end order by u.n)
    into v_tos, v_others, v_channels
    from unnest(v_tos, v_channels) with ordinality u (name, channel_id, n)
    left join lateral (
      select c.name, c.character_id from orrery."character" c where c.cluster = v_me.cluster and c.name_key = lower(u.name) offset 0) c on true
    left join lateral (
      select h.channel_id from orrery.chat_channel h where h.cluster = v_me.cluster and h.kind = 'direct' and h.name_key = c.character_id::text offset 0) o on true
    left join lateral (
      select h.channel_id from orrery.chat_channel h
      where c.character_id is not null and h.cluster = v_me.cluster and h.kind = 'direct' and h.name_key = (v_whos[u.n]).character_id::text offset 0) h on true;
  else
    v_others := array_fill(null::bigint, array[cardinality(v_refs)]);
  end if;

  perform from orrery.chat_channel h where h.channel_id = any(v_channels || v_others) order by h.channel_id for no key update;
  select array_agg(case
      when u.session_id is null or u.epoch is null or u.message_id is null or u.text is null
        then orrery.entry_error(u.ref, 'OR003', 'session_id, epoch and message_id are numbers, text has 1 to 500 bytes and no control characters',
          'Say something else.')
      when (v_whos[u.n]).character_id is null then orrery.entry_error(u.ref, 'OR007', format('session %s is not attached here under this epoch', u.session_id),
        'Drop it.')
      when w.was > 0 then null
      when u.channel_id is null and jsonb_typeof(p_messages -> (u.n - 1)::integer -> 'to') = 'string'
        then orrery.entry_error(u.ref, 'OR001', format('there is nobody called %s', left(p_messages -> (u.n - 1)::integer ->> 'to', 64)),
          'Names are compared without case.')
      when h.channel_id is null then orrery.entry_error(u.ref, 'OR001', 'there is no such channel', 'Ask for those that there are.')
      when not (case h.kind
          when 'cluster' then true
          when 'space' then h.name_key = lower((v_whos[u.n]).kind || ' ' || (v_whos[u.n]).key)
          when 'created' then exists (select from orrery.chat_member m where m.channel_id = h.channel_id and m.character_id = (v_whos[u.n]).character_id)
          else u.to_name is not null end)
        then orrery.entry_error(u.ref, 'OR001', 'you are not in this channel', 'Join it.')
      when p.words is not null then orrery.entry_error(u.ref, 'OR002', p.words, 'SELECT * FROM chat_penalties') end order by u.n)
  into v_answers
  from unnest(v_refs, v_sessions, v_epochs, v_messages, v_channels, v_tos, v_texts) with ordinality
    u (ref, session_id, epoch, message_id, channel_id, to_name, text, n)
  left join lateral (select h.* from orrery.chat_channel h where h.channel_id = u.channel_id and h.cluster = v_me.cluster offset 0) h on true
  left join lateral (
    select count(*) as was from orrery.chat_message m
    where m.channel_id = u.channel_id and m.session_id = u.session_id and m.message_id = u.message_id offset 0) w on true
  left join lateral (
    select regexp_replace(orrery.ban_words(p.until_at, p.reason), '^banned', 'muted') as words
    from orrery.chat_penalty p
    where p.character_id = (v_whos[u.n]).character_id and (p.channel_id is null or p.channel_id = u.channel_id)
      and coalesce(p.until_at > v_now, true)
    order by p.until_at desc nulls first limit 1) p on true;

  with wanted as (
    -- each row once, though it stands twice in one call, or was said before: the channels are held, so nobody says it meanwhile
    select r.channel_id, r.session_id, r.message_id, min(r.n) as n
    from (
      select u.n, c.channel_id, u.session_id, u.message_id
      from unnest(v_sessions, v_messages, v_channels, v_others, v_answers) with ordinality u (session_id, message_id, channel_id, other_id, answer, n)
      cross join lateral (values (u.channel_id), (u.other_id)) c (channel_id)
      where u.answer is null and c.channel_id is not null
    ) r
    cross join lateral (
      select count(*) as n from orrery.chat_message m
      where m.channel_id = r.channel_id and m.session_id = r.session_id and m.message_id = r.message_id offset 0) m
    where m.n = 0
    group by r.channel_id, r.session_id, r.message_id
  ), numbered as (
    select w.*, row_number() over (partition by w.channel_id order by w.n) as nth from wanted w
  ), counted as (
    update orrery.chat_channel h set last_number = h.last_number + g.count
    from (select w.channel_id, max(w.nth) as count from numbered w group by w.channel_id) g
    where h.channel_id = g.channel_id
    returning h.channel_id, h.last_number - g.count as last_number
  )
  insert into orrery.chat_message (channel_id, number, cluster, character_id, session_id, message_id, from_name, to_name, text, said_at)
  select w.channel_id, h.last_number + w.nth, v_me.cluster, (v_whos[w.n]).character_id, w.session_id, w.message_id,
    (v_whos[w.n]).name, v_tos[w.n], v_texts[w.n], v_now
  from numbered w join counted h on h.channel_id = w.channel_id;

  return (
    select jsonb_agg(coalesce(u.answer, jsonb_build_object('ref', u.ref, 'from', (v_whos[u.n]).name, 'to', u.to_name, 'said', m.said)) order by u.n)
    from unnest(v_refs, v_sessions, v_messages, v_channels, v_others, v_tos, v_answers) with ordinality
      u (ref, session_id, message_id, channel_id, other_id, to_name, answer, n)
    left join lateral (
      select jsonb_agg(jsonb_build_object('channel_id', m.channel_id, 'number', m.number) order by m.channel_id <> u.channel_id) as said
      from orrery.chat_message m
      where u.answer is null and m.channel_id = any(array[u.channel_id, u.other_id])
        and m.session_id = u.session_id and m.message_id = u.message_id) m on true);
end
$$;
comment on function orrery.chat_say(bigint, bigint, text, jsonb) is 'Numbers and keeps what players say.';
grant execute on function orrery.chat_say(bigint, bigint, text, jsonb) to orrery_session;

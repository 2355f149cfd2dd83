-- chat_join: characters come into channels that players made, by name, or make one.
-- p_joins: [{"ref","session_id","epoch","name","create"?:true}] → {"ref","channel":{"channel_id","kind","name","last"}} or {"ref","error"}. Asked
-- again it answers the same. None is made whose maker cannot be in it, since a channel goes with its last member.
-- Writes: chat_channel, chat_member.   Locks: new rows of chat_channel, by name; then those that were there, in key order.
-- Errors: those of server_identity and batch_check; of an entry: OR001 no such channel; OR002 banned from it; OR003 malformed; OR006 in too many, or
-- made too many; OR007 not attached here any more; OR008 somebody made one of this name.
-- Called by: src/pg/control_api.
create or replace function orrery.chat_join(p_server_id bigint, p_epoch bigint, p_token text, p_joins jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := orrery.clock();
  v_me       orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'chat');
  v_most     numeric := orrery.setting('chat_channels_max');
  v_made_most numeric := orrery.setting('chat_created_max');
  v_refs     jsonb[];
  v_sessions bigint[];
  v_epochs   bigint[];
  v_names    text[];
  v_makes    boolean[];   -- what is not there
  v_whos     orrery."character"[];
  v_answers  jsonb[];
  v_locked   bigint[];
  v_join     record;
  v_channel  orrery.chat_channel;
  v_penalty  orrery.chat_penalty;
begin
  perform orrery.batch_check('p_joins', p_joins);
  select array_agg(e.value -> 'ref' order by e.n),
    array_agg(case when (e.value -> 'session_id')::text ~ '^[0-9]{1,18}$' then (e.value ->> 'session_id')::bigint end order by e.n),
    array_agg(case when (e.value -> 'epoch')::text ~ '^[0-8]?[0-9]{1,18}$' then (e.value ->> 'epoch')::bigint end order by e.n),
    array_agg(e.value ->> 'name' order by e.n), array_agg(coalesce(e.value -> 'create' = 'true', false) order by e.n)
  into v_refs, v_sessions, v_epochs, v_names, v_makes
  from jsonb_array_elements(p_joins) with ordinality e (value, n);
  if v_refs is null then
    return '[]'::jsonb;
  end if;
  v_whos := orrery.chat_attached(v_me.server_id, v_sessions, v_epochs);
  select array_agg(case
      when (v_whos[u.n]).character_id is null then orrery.entry_error(u.ref, 'OR007', format('session %s is not attached here under this epoch', u.id), 'Drop it.')
      when u.name is null or u.name !~ '^[^[:cntrl:]]{1,32}$' or u.name ~ '^\s|\s$' then orrery.entry_error(u.ref, 'OR003',
        'a channel''s name has 1 to 32 characters, none of them a control character, no blanks around it', 'Choose another name.') end order by u.n)
  into v_answers
  from unnest(v_refs, v_sessions, v_names) with ordinality u (ref, id, name, n);

  for v_join in
    select u.n, u.ref, u.name, (v_whos[u.n]).character_id
    from unnest(v_refs, v_names, v_makes, v_answers) with ordinality u (ref, name, is_made, answer, n)
    where u.answer is null and u.is_made
    order by lower(u.name), u.n
  loop
    continue when exists (select from orrery.chat_channel h where h.cluster = v_me.cluster and h.kind = 'created' and h.name_key = lower(v_join.name));
    if (select count(*) from orrery.chat_channel h where h.owner_id = v_join.character_id and h.kind = 'created') >= v_made_most then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR006', format('you have made %s channels already', v_made_most),
        'Leave one that you made; it goes with its last member.');
    elsif (select count(*) from orrery.chat_member m where m.character_id = v_join.character_id) >= v_most then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR006', format('you are in %s channels already', v_most), 'Leave one.');
    else
      with made as (
        insert into orrery.chat_channel (cluster, kind, name, owner_id, created_at)
        values (v_me.cluster, 'created', v_join.name, v_join.character_id, v_now)
        on conflict (cluster, kind, name_key) do nothing
        returning channel_id
      )
      insert into orrery.chat_member (channel_id, character_id, cluster, joined_at)
      select m.channel_id, v_join.character_id, v_me.cluster, v_now from made m;
    end if;
  end loop;

  v_locked := array(
    select h.channel_id from orrery.chat_channel h
    where h.cluster = v_me.cluster and h.kind = 'created'
      and h.name_key = any(array(select lower(u.name) from unnest(v_names, v_answers) u (name, answer) where u.answer is null))
    order by h.channel_id for no key update);
  for v_join in
    select u.n, u.ref, u.name, u.is_made, (v_whos[u.n]).character_id
    from unnest(v_refs, v_names, v_makes, v_answers) with ordinality u (ref, name, is_made, answer, n)
    where u.answer is null
    order by u.n
  loop
    select h.* into v_channel from orrery.chat_channel h where h.channel_id = any(v_locked) and h.name_key = lower(v_join.name);
    if not found then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR001', format('there is no channel %s', v_join.name), 'Create it.');
      continue;
    end if;
    if v_join.is_made and v_channel.owner_id is distinct from v_join.character_id then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR008', format('there is a channel %s already', v_channel.name),
        'Join it, or choose another name.');
      continue;
    end if;
    select p.* into v_penalty from orrery.chat_penalty p
    where p.character_id = v_join.character_id and p.channel_id = v_channel.channel_id and p.is_ban
      and coalesce(p.until_at > v_now, true);
    if found then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR002', orrery.ban_words(v_penalty.until_at, v_penalty.reason), 'SELECT * FROM chat_penalties');
      continue;
    end if;
    if not exists (select from orrery.chat_member m where m.channel_id = v_channel.channel_id and m.character_id = v_join.character_id)
      and (select count(*) from orrery.chat_member m where m.character_id = v_join.character_id) >= v_most then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR006', format('you are in %s channels already', v_most), 'Leave one.');
      continue;
    end if;
    insert into orrery.chat_member (channel_id, character_id, cluster, joined_at) values (v_channel.channel_id, v_join.character_id, v_me.cluster, v_now)
    on conflict (channel_id, character_id) do nothing;
    v_answers[v_join.n] := jsonb_build_object('ref', v_join.ref, 'channel',
      jsonb_build_object('channel_id', v_channel.channel_id, 'kind', v_channel.kind, 'name', v_channel.name, 'last', v_channel.last_number));
  end loop;
  return to_jsonb(v_answers);
end
$$;
comment on function orrery.chat_join(bigint, bigint, text, jsonb) is 'Characters come into channels that players made, or make one.';
grant execute on function orrery.chat_join(bigint, bigint, text, jsonb) to orrery_session;

-- chat_join: characters come into channels that players made, by name, or make one.
-- p_joins: [{"ref","session_id","epoch","name","create"?:true}] → {"ref","channel":{"channel_id","kind","name","last"}} or {"ref","error"}. Asked
-- again it answers the same.
-- Writes: chat_channel, chat_member.   Locks: chat_channel, in order of name.
-- Errors: those of server_identity and batch_check; of an entry: OR001 no such channel; OR002 banned from it; OR003 malformed; OR006 in too many, or
-- made too many; OR007 not attached here any more; OR008 somebody made one of this name.
-- Called by: src/pg/control_api.
create or replace function orrery.chat_join(p_server_id bigint, p_epoch bigint, p_token text, p_joins jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_me      orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'chat');
  v_answers jsonb[] := array[]::jsonb[];
  v_join    record;
  v_channel orrery.chat_channel;
  v_penalty orrery.chat_penalty;
  v_is_in   boolean;
begin
  perform orrery.batch_check('p_joins', p_joins);
  for v_join in
    select e.n, e.ref, e.name, e.is_made, e.id, (e.who).character_id
    from (
      select j.n, j.value -> 'ref' as ref, j.value ->> 'name' as name, coalesce(j.value -> 'create' = 'true', false) as is_made, s.id, w.whos[1] as who
      from jsonb_array_elements(p_joins) with ordinality j (value, n)
      cross join lateral (
        select case when (j.value -> 'session_id')::text ~ '^[0-9]{1,18}$' then (j.value ->> 'session_id')::bigint end as id,
          case when (j.value -> 'epoch')::text ~ '^[0-8]?[0-9]{1,18}$' then (j.value ->> 'epoch')::bigint end as epoch) s
      cross join lateral (select orrery.chat_attached(v_me.server_id, array[s.id], array[s.epoch]) as whos) w
    ) e
    order by lower(e.name), e.n
  loop
    if v_join.character_id is null then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR007', format('session %s is not attached here under this epoch', v_join.id),
        'Drop it.');
      continue;
    end if;
    if v_join.name is null or v_join.name !~ '^[^[:cntrl:]]{1,32}$' or v_join.name ~ '^\s|\s$' then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR003', 'a channel''s name has 1 to 32 characters, none of them a control character, no blanks around it',
        'Choose another name.');
      continue;
    end if;
    if v_join.is_made then
      select count(*) >= orrery.setting('chat_created_max') into v_is_in from orrery.chat_channel h
      where h.owner_id = v_join.character_id and h.kind = 'created' and h.name_key <> lower(v_join.name);
      if v_is_in then
        v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR006', format('you have made %s channels already', orrery.setting('chat_created_max')),
          'Leave one that you made; it goes with its last member.');
        continue;
      end if;
      insert into orrery.chat_channel (cluster, kind, name, owner_id, created_at)
      values (v_me.cluster, 'created', v_join.name, v_join.character_id, v_now)
      on conflict (cluster, kind, name_key) do nothing;
    end if;
    select h.* into v_channel from orrery.chat_channel h
    where h.cluster = v_me.cluster and h.kind = 'created' and h.name_key = lower(v_join.name) for no key update;
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
    v_is_in := exists (select from orrery.chat_member m where m.channel_id = v_channel.channel_id and m.character_id = v_join.character_id);
    if not v_is_in and (select count(*) from orrery.chat_member m where m.character_id = v_join.character_id)
      >= orrery.setting('chat_channels_max') then
      v_answers[v_join.n] := orrery.entry_error(v_join.ref, 'OR006', format('you are in %s channels already', orrery.setting('chat_channels_max')), 'Leave one.');
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

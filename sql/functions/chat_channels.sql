-- chat_channels: which channels sessions are in: the cluster's, that of the space where the character is, those it has joined, and its own,
-- in which it hears what is said to it directly. Those that are missing are made.
-- p_sessions: [{"ref","session_id","epoch"}] → {"ref","channels":[{"channel_id","kind","name","last"}]} or {"ref","error"}.
-- Writes: chat_channel.   Locks: none but new rows, in order of kind and name.
-- Errors: those of server_identity and batch_check; of an entry: OR003 malformed, OR007 not attached here any more.
-- Called by: src/pg/control_api.
create or replace function orrery.chat_channels(p_server_id bigint, p_epoch bigint, p_token text, p_sessions jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me       orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'chat');
  v_refs     jsonb[];
  v_sessions bigint[];
  v_epochs   bigint[];
  v_whos     orrery."character"[];
begin
  perform orrery.batch_check('p_sessions', p_sessions);
  select array_agg(e.value -> 'ref' order by e.n),
    array_agg(case when (e.value -> 'session_id')::text ~ '^[0-9]{1,18}$' then (e.value ->> 'session_id')::bigint end order by e.n),
    array_agg(case when (e.value -> 'epoch')::text ~ '^[0-8]?[0-9]{1,18}$' then (e.value ->> 'epoch')::bigint end order by e.n)
  into v_refs, v_sessions, v_epochs
  from jsonb_array_elements(p_sessions) with ordinality e (value, n);
  if v_refs is null then
    return '[]'::jsonb;
  end if;
  v_whos := orrery.chat_attached(v_me.server_id, v_sessions, v_epochs);
  insert into orrery.chat_channel (cluster, kind, name, owner_id, created_at)
  select v_me.cluster, w.kind, w.name, w.owner_id, orrery.clock()
  from (
    select distinct d.kind, d.name, d.owner_id
    from unnest(v_whos) c
    cross join lateral (values ('cluster', v_me.cluster, null), ('space', c.kind || ' ' || c.key, null),
      ('direct', c.character_id::text, c.character_id)) d (kind, name, owner_id)
    where c.character_id is not null
  ) w
  cross join lateral (select count(*) as n from orrery.chat_channel h
    where h.cluster = v_me.cluster and h.kind = w.kind and h.name_key = lower(w.name) offset 0) h
  where h.n = 0
  order by w.kind, lower(w.name)
  on conflict (cluster, kind, name_key) do nothing;
  return (
    select jsonb_agg(jsonb_build_object('ref', u.ref) || case
      when u.id is null or u.epoch is null then orrery.entry_error(u.ref, 'OR003', 'session_id and epoch are numbers', 'Pass those of the arrival.')
      when u.who is null then orrery.entry_error(u.ref, 'OR007', format('session %s is not attached here under this epoch', u.id), 'Drop it.')
      else jsonb_build_object('channels', (
        select jsonb_agg(jsonb_build_object('channel_id', h.channel_id, 'kind', h.kind, 'name', h.name, 'last', h.last_number) order by h.channel_id)
        from (
          -- each by its key: there is one a character
          select h.* from (values ('cluster', lower(v_me.cluster)), ('space', lower((u.who).kind || ' ' || (u.who).key)),
            ('direct', (u.who).character_id::text)) w (kind, name_key)
          cross join lateral (select h.* from orrery.chat_channel h
            where h.cluster = v_me.cluster and h.kind = w.kind and h.name_key = w.name_key offset 0) h
          union all
          select h.* from orrery.chat_member m
          cross join lateral (select h.* from orrery.chat_channel h where h.channel_id = m.channel_id offset 0) h
          where m.character_id = (u.who).character_id
        ) h)) end order by u.n)
    from unnest(v_refs, v_sessions, v_epochs) with ordinality u0 (ref, id, epoch, n)
    cross join lateral (select u0.ref, u0.id, u0.epoch, u0.n, case when (v_whos[u0.n]).character_id is not null then v_whos[u0.n] end as who) u);
end
$$;
comment on function orrery.chat_channels(bigint, bigint, text, jsonb) is 'Which chat channels sessions are in.';
grant execute on function orrery.chat_channels(bigint, bigint, text, jsonb) to orrery_session;

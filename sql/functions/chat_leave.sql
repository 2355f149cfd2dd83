-- chat_leave: characters leave channels that players made; one goes with its last member, and what was said there with it.
-- p_leaves: [{"ref","session_id","epoch","channel_id"}] → {"ref"} or {"ref","error"}. Asked again it answers the same.
-- Writes: chat_member, chat_channel (with its messages).   Locks: chat_channel, in key order.
-- Errors: those of server_identity and batch_check; of an entry: OR003 malformed; OR007 not attached here any more.
-- Called by: src/pg/control_api.
create or replace function orrery.chat_leave(p_server_id bigint, p_epoch bigint, p_token text, p_leaves jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_me       orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'chat');
  v_refs     jsonb[];
  v_sessions bigint[];
  v_epochs   bigint[];
  v_channels bigint[];
  v_whos     orrery."character"[];
begin
  perform orrery.batch_check('p_leaves', p_leaves);
  select array_agg(e.value -> 'ref' order by e.n),
    array_agg(case when (e.value -> 'session_id')::text ~ '^[0-9]{1,18}$' then (e.value ->> 'session_id')::bigint end order by e.n),
    array_agg(case when (e.value -> 'epoch')::text ~ '^[0-8]?[0-9]{1,18}$' then (e.value ->> 'epoch')::bigint end order by e.n),
    array_agg(case when (e.value -> 'channel_id')::text ~ '^[0-9]{1,18}$' then (e.value ->> 'channel_id')::bigint end order by e.n)
  into v_refs, v_sessions, v_epochs, v_channels
  from jsonb_array_elements(p_leaves) with ordinality e (value, n);
  if v_refs is null then
    return '[]'::jsonb;
  end if;
  v_whos := orrery.chat_attached(v_me.server_id, v_sessions, v_epochs);
  perform from orrery.chat_channel h where h.channel_id = any(v_channels) and h.kind = 'created' order by h.channel_id for update;
  delete from orrery.chat_member m using unnest(v_channels) with ordinality u (channel_id, n)
  where m.channel_id = u.channel_id and m.character_id = (v_whos[u.n]).character_id;
  delete from orrery.chat_channel h
  where h.channel_id = any(v_channels) and h.cluster = v_me.cluster and h.kind = 'created'
    and not exists (select from orrery.chat_member m where m.channel_id = h.channel_id);
  return (
    select jsonb_agg(jsonb_build_object('ref', u.ref) || case
      when u.id is null or u.epoch is null or u.channel_id is null
        then orrery.entry_error(u.ref, 'OR003', 'session_id, epoch and channel_id are numbers', 'Pass those of the arrival and of chat_channels.')
      when (v_whos[u.n]).character_id is null then orrery.entry_error(u.ref, 'OR007', format('session %s is not attached here under this epoch', u.id),
        'Drop it.')
      else '{}' end order by u.n)
    from unnest(v_refs, v_sessions, v_epochs, v_channels) with ordinality u (ref, id, epoch, channel_id, n));
end
$$;
comment on function orrery.chat_leave(bigint, bigint, text, jsonb) is 'Characters leave channels that players made.';
grant execute on function orrery.chat_leave(bigint, bigint, text, jsonb) to orrery_session;

-- chat_read: what was said in channels after given numbers, in order, each number once and none left out but what was purged. A number is
-- visible only when all before it in its channel are (chat_channel.last_number).
-- p_after: [{"ref","channel_id","after":n|null,"limit":n}] → {"ref","last","messages":[{"number","from","to"|null,"text"}]}; null: the last `limit`.
-- {"ref","error"}: OR001 no such channel (any more); OR003 malformed.
-- Reads: chat_channel, chat_message.   Writes: nothing.   Locks: none.
-- Errors: those of server_identity and batch_check.   Called by: src/pg/control_api.
create or replace function orrery.chat_read(p_server_id bigint, p_epoch bigint, p_token text, p_after jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  c_limit_max constant integer := 200;
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'chat');
begin
  perform orrery.batch_check('p_after', p_after);
  return (
    select coalesce(jsonb_agg(case
      when e.channel_id is null or e.most is null or jsonb_typeof(coalesce(e.after, 'null')) not in ('null', 'number')
        then orrery.entry_error(e.ref, 'OR003', 'channel_id, after and limit are numbers', 'after may be null: the last ones.')
      when h.channel_id is null then orrery.entry_error(e.ref, 'OR001', format('no channel %s', e.channel_id), 'It was left by everybody, or dropped.')
      else jsonb_build_object('ref', e.ref, 'last', h.last_number, 'messages', coalesce(m.messages, '[]')) end order by e.n), '[]')
    from (
      select a.n, a.value -> 'ref' as ref, a.value -> 'after' as after,
        case when (a.value -> 'channel_id')::text ~ '^[0-9]{1,18}$' then (a.value ->> 'channel_id')::bigint end as channel_id,
        case when (a.value -> 'after')::text ~ '^[0-9]{1,18}$' then (a.value ->> 'after')::bigint end as after_number,
        case when (a.value -> 'limit')::text ~ '^[0-9]{1,9}$' then least((a.value ->> 'limit')::integer, c_limit_max) end as most
      from jsonb_array_elements(p_after) with ordinality a (value, n) offset 0
    ) e
    left join lateral (
      select h.channel_id, h.last_number, coalesce(e.after_number, h.last_number - e.most) as after_number
      from orrery.chat_channel h where h.channel_id = e.channel_id and h.cluster = v_me.cluster offset 0) h on true
    left join lateral (
      select jsonb_agg(jsonb_build_object('number', r.number, 'from', r.from_name, 'to', r.to_name, 'text', r.text) order by r.number) as messages
      from (
        select m.number, m.from_name, m.to_name, m.text from orrery.chat_message m
        where m.channel_id = h.channel_id and m.number > h.after_number order by m.number limit e.most) r
    ) m on true);
end
$$;
comment on function orrery.chat_read(bigint, bigint, text, jsonb) is 'What was said in channels after given numbers.';
grant execute on function orrery.chat_read(bigint, bigint, text, jsonb) to orrery_session;

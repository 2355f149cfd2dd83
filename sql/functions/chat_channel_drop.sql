-- chat_channel_drop: a channel that players made is gone, with what was said there; the chat servers of its members are told.
-- Writes: attachment (told anew), chat_channel (with its messages, members and penalties), event; what session_tell writes.
-- Locks: attachment, in key order, then chat_channel.
-- Errors: OR001 no such channel; those of cluster_resolve.   Called by: DBA.
create or replace function orrery.chat_channel_drop(p_name text, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text := orrery.cluster_resolve(p_cluster, replace(format('chat_channel_drop(%L', left(p_name, 64)), '%', '%%') || ', %L)');
  v_channel orrery.chat_channel;
  v_members bigint;
  v_servers bigint[];
begin
  select h.* into v_channel from orrery.chat_channel h where h.cluster = v_cluster and h.kind = 'created' and h.name_key = lower(p_name);
  if not found then
    perform orrery.fail('OR001', format('no channel %s in %s', coalesce(left(p_name, 64), 'null'), v_cluster),
      'Of those that players made; names are compared without case.',
      'SELECT * FROM chat_status');
  end if;
  select count(*) into v_members from orrery.chat_member m where m.channel_id = v_channel.channel_id;
  -- as chat_told, of all members: in order, and each chat server once
  with found as (
    select a.session_id
    from orrery.chat_member m
    join orrery."character" c on c.character_id = m.character_id
    join orrery.session s on s.account_id = c.account_id and s.character_id = m.character_id and s.state <> 'ended'
    join orrery.attachment a on a.session_id = s.session_id and a.role = 'chat' and not a.ended
    where m.channel_id = v_channel.channel_id
    order by a.session_id for no key update of a
  ), told as (
    update orrery.attachment a set taken = false from found f where a.session_id = f.session_id and a.role = 'chat' and not a.ended
    returning a.server_id
  )
  select array_agg(distinct t.server_id) into v_servers from told t;
  perform orrery.session_tell(v_servers, 'chat_channel_drop');
  delete from orrery.chat_channel h where h.channel_id = v_channel.channel_id;
  perform orrery.event_add(v_cluster, 'chat_channel', v_channel.channel_id::text, 'chat_channel_drop',
    format('channel %s is gone, with %s, by %s', v_channel.name, orrery.counted(v_members, 'member'), session_user));
  raise notice '%', format('channel %s is gone, with %s', v_channel.name, orrery.counted(v_members, 'member'));
end
$$;
comment on function orrery.chat_channel_drop(text, text) is 'Ends a channel that players made.';
grant execute on function orrery.chat_channel_drop(text, text) to orrery_admin;

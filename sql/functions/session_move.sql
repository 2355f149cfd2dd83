-- session_move: give sessions to other servers: owner, a new epoch, and the state of the character change together; and what it is for, chat
-- attachments included.
-- p_source, p_epochs: who had each until now, under which epoch, and commits this: asked again by it the same is answered. p_epochs null: nobody had.
-- p_above: epochs are above it; of the incarnation, which is read before anything is locked.
-- p_sessions: in order, without repeats, locked by the caller as are p_servers; p_characters: whom each plays from now on.
-- p_chats: the chat servers that are ready: who is attached to none of them is attached to one; of the others chat is to hear of the new place.
-- Null: where they are nothing changes for chat.
-- Writes: session, attachment, event.   Locks: attachment, in key order.
-- Errors: none.   Called by: session_select, session_hand_off, session_adopt.
create or replace function orrery.session_move(p_source orrery.server, p_epochs bigint[], p_sessions bigint[], p_characters bigint[],
  p_servers bigint[], p_chats bigint[], p_above bigint, p_rule text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := orrery.clock();
begin
  -- width_bucket: where a session stands in p_sessions
  update orrery.session s
  set (server_id, character_id, reason, payload) = (
        select p_servers[m.n], c.character_id,
          format('%s %s to server %s, %s %s', c.name, case when p_epochs is null then 'came back' else 'handed' end, p_servers[m.n], c.kind, c.key),
          case when p_epochs is null then jsonb_build_object('state', c.state)
            else jsonb_build_object('from', jsonb_build_object('server_id', p_source.server_id, 'epoch', p_epochs[m.n]), 'state', c.state) end
        from (select width_bucket(s.session_id, p_sessions) as n offset 0) m
        cross join lateral (select c.* from orrery."character" c where c.character_id = p_characters[m.n] offset 0) c),
      epoch = p_above + nextval('orrery.epoch_seq'), state = 'playing', rule = p_rule, state_at = v_now, taken = false
  where s.session_id = any(p_sessions);
  if p_chats <> '{}' then
    insert into orrery.attachment as a (session_id, role, cluster, server_id, epoch)
    select m.id, 'chat', p_source.cluster, p_chats[1 + m.id % cardinality(p_chats)], p_above + nextval('orrery.epoch_seq')
    from unnest(p_sessions) m (id) order by m.id
    on conflict (session_id, role) do update
    set taken = false, server_id = case when a.server_id = any(p_chats) then a.server_id else excluded.server_id end,
        epoch = case when a.server_id = any(p_chats) then a.epoch else excluded.epoch end;
  elsif p_chats = '{}' then
    perform from orrery.attachment a where a.session_id = any(p_sessions) and a.taken and not a.ended order by a.session_id, a.role for no key update;
    update orrery.attachment a set taken = false where a.session_id = any(p_sessions) and a.taken and not a.ended;
  end if;
end
$$;
comment on function orrery.session_move(orrery.server, bigint[], bigint[], bigint[], bigint[], bigint[], bigint, text)
  is 'Gives sessions to other servers, under new epochs.';

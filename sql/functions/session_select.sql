-- session_select: hand a session to the server of its character, or say what it waits for.
-- Answers as docs/control.md says. A hand-off is one transaction: owner, epoch, state and chat attachment change together,
-- and only to a server that is ready and not full. Asked again under the old epoch it answers the same.
-- Writes: session, attachment, and what server_request writes.
-- Locks: cluster unless its server is ready, those of server_request; then server (target: exclusively, so that its seats are counted right; chat: shared),
-- then session.
-- Errors: those of server_identity; OR001 no such character of this account; OR006 the server is full; OR007 the session is
-- not this server's any more; those of server_request.
-- Called by: src/pg/control_api.
create or replace function orrery.session_select(
  p_server_id bigint, p_epoch bigint, p_token text, p_session_id bigint, p_session_epoch bigint, p_character_id bigint)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  v_now timestamptz := orrery.clock();
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token);
  v_from jsonb := jsonb_build_object('server_id', p_server_id, 'epoch', p_session_epoch);
  v_session orrery.session;
  v_character orrery."character";
  v_request jsonb;
  v_target_id bigint;
  v_chat_id bigint;
  v_lock record;
  v_target orrery.server;
  v_ready boolean := false;
  v_waits_for text;
  v_session_epoch bigint;
begin
  select s.* into v_session from orrery.session s where s.session_id = p_session_id;
  if found and v_session.payload -> 'from' = v_from and v_session.state = 'playing' and v_session.character_id = p_character_id then
    return orrery.session_targets(v_me, p_session_id);
  end if;
  perform orrery.session_owned(v_me, v_session, p_session_id, p_session_epoch);
  select c.* into v_character from orrery."character" c
  where c.character_id = p_character_id and c.account_id = v_session.account_id and c.cluster = v_session.cluster;
  if not found then
    perform orrery.fail('OR001', format('no character %s of this account', p_character_id),
      format('Session %s belongs to account %s.', p_session_id, v_session.account_id), 'Select one of those session_open gave.');
  end if;

  v_request := orrery.server_request(v_character.kind, v_character.key, v_session.cluster);
  if v_request ->> 'state' = 'starting' then
    -- whoever makes it ready tells those that wait: not before this one has noted that it does
    perform from orrery.cluster c where c.cluster = v_session.cluster for no key update;
    v_request := orrery.server_request(v_character.kind, v_character.key, v_session.cluster);
  end if;
  v_target_id := (v_request ->> 'server_id')::bigint;
  v_waits_for := format('%s %s: %s', v_character.kind, v_character.key, coalesce(v_request ->> 'reason', v_request ->> 'state'));
  if v_request ->> 'state' = 'ready' then
    select s.server_id into v_chat_id
    from orrery.server_kind k
    join orrery.placement p on p.cluster = k.cluster and p.kind = k.kind
    join orrery.server s on s.server_id = p.server_id and s.state = 'ready'
    where k.cluster = v_session.cluster and k.role = 'chat'
    order by p.kind, p.key limit 1;
    for v_lock in
      select i.id from unnest(array[v_target_id, v_chat_id]) i (id) where i.id is not null order by i.id
    loop
      if v_lock.id = v_target_id then
        select s.* into v_target from orrery.server s where s.server_id = v_lock.id for no key update;
      else
        perform from orrery.server s where s.server_id = v_lock.id and s.state = 'ready' for share;
        if not found then
          v_chat_id := null;
        end if;
      end if;
    end loop;
    v_ready := v_target.state = 'ready';
    if not v_ready then
      v_waits_for := format('%s %s is %s', v_target.kind, v_target.key, v_target.state);
    end if;
  end if;

  select s.* into v_session from orrery.session s where s.session_id = p_session_id for no key update;
  perform orrery.session_owned(v_me, v_session, p_session_id, p_session_epoch);
  if not v_ready then
    if v_session.state <> 'waiting' or v_session.character_id is distinct from p_character_id then
      update orrery.session s
      set state = 'waiting', character_id = p_character_id, rule = 'session_select',
          reason = format('%s waits: %s', v_character.name, v_waits_for), state_at = v_now
      where s.session_id = p_session_id;
    end if;
    return jsonb_build_object('status', 'waiting', 'reason', v_waits_for);
  end if;

  if (select count(*) from orrery.session s where s.server_id = v_target.server_id and s.state <> 'ended')
     >= (select k.sessions_max from orrery.server_kind k where k.cluster = v_target.cluster and k.kind = v_target.kind) then
    perform orrery.fail('OR006', format('%s %s is full', v_target.kind, v_target.key),
      'It has as many sessions as its kind allows.', 'Try again in a moment.');
  end if;
  v_session_epoch := orrery.epoch_next();
  update orrery.session s
  set server_id = v_target.server_id, epoch = v_session_epoch, state = 'playing', character_id = p_character_id,
      rule = 'session_select', reason = format('%s handed to server %s, %s %s', v_character.name, v_target.server_id, v_target.kind, v_target.key),
      state_at = v_now,
      payload = jsonb_build_object('from', v_from, 'state', v_character.state), taken = false
  where s.session_id = p_session_id;
  if v_chat_id is not null then
    insert into orrery.attachment (session_id, role, cluster, server_id, epoch)
    values (p_session_id, 'chat', v_session.cluster, v_chat_id, orrery.epoch_next())
    on conflict (session_id, role) do update
    set server_id = excluded.server_id, epoch = excluded.epoch, taken = false, ended = false, end_told = false;
  end if;
  return orrery.session_targets(v_me, p_session_id);
end
$$;
comment on function orrery.session_select(bigint, bigint, text, bigint, bigint, bigint) is
  'Hands a session to the server of its character, or says what it waits for.';
grant execute on function orrery.session_select(bigint, bigint, text, bigint, bigint, bigint) to orrery_session;

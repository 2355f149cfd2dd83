-- session_select: hand sessions to the servers of their characters, or say what they wait for.
-- p_selects: [{"ref","session_id","epoch","character_id"}] → answers as docs/control.md says, each with its ref, or {"ref","error"}. A hand-off
-- is one transaction: owner, epoch, state and chat attachment change together, and only to a server that is ready and not full. Asked
-- again under the old epoch it answers the same.
-- Writes: session, attachment, and what server_request writes.
-- Locks: for characters whose servers are not ready: cluster, those of server_request; then servers (targets: exclusively, so that their seats are
-- counted right; chat: shared), then sessions, each in key order. Who has asked for a server in the same call holds it already: then
-- targets that are busy are not waited for, and the caller is told to ask again.
-- Errors: those of server_identity and batch_check; of an entry: OR001 no such character of this account; OR003 malformed; OR006 the server is
-- full; OR007 the session is not this server's any more; those of server_request.
-- Called by: src/pg/control_api.
create or replace function orrery.session_select(p_server_id bigint, p_epoch bigint, p_token text, p_selects jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now       timestamptz := orrery.clock();
  v_me        orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token);
  v_epochs    bigint := orrery.incarnation_current() << 32;
  v_refs      jsonb[];
  v_ids       bigint[];      -- sessions
  v_session_epochs bigint[];
  v_chosen    bigint[];      -- characters
  v_kinds     text[];        -- and where they are
  v_keys      text[];
  v_answers   jsonb[];       -- of those that are done
  v_handed    bigint[];
  v_moved     bigint[];      -- sessions that are handed now, in order
  v_moved_epochs bigint[];   -- of each, as it was
  v_moved_chosen bigint[];
  v_moved_to  bigint[];
  v_targets   bigint[];
  v_waits     text[];
  v_chats     bigint[];      -- chat servers, in a stable order
  v_servers   bigint[];
  v_request   jsonb;
  v_requested boolean := false;
  v_waiting   boolean;
  v_place     record;
  v_lock      record;
  v_hands     jsonb;
  v_message   text;
  v_hint      text;
begin
  perform orrery.batch_check('p_selects', p_selects);
  -- a session twice in one call: the first counts
  select array_agg(e.ref order by e.n), array_agg(e.session_id order by e.n), array_agg(e.epoch order by e.n), array_agg(e.character_id order by e.n),
    array_agg(case
      when e.session_id is null or e.epoch is null or e.character_id is null
        then orrery.entry_error(e.ref, 'OR003', 'session_id, epoch and character_id are numbers', 'Use those that session_open gave.')
      when e.nth > 1 then orrery.entry_error(e.ref, 'OR003', format('session %s stands twice in one call', e.session_id), 'Ask once for a session.') end order by e.n)
  into v_refs, v_ids, v_session_epochs, v_chosen, v_answers
  from (
    select o.*, row_number() over (partition by o.session_id order by o.n) as nth
    from (
      select o.n, o.value -> 'ref' as ref, case when (o.value -> 'session_id')::text ~ '^-?[0-9]{1,18}$' then (o.value ->> 'session_id')::bigint end as session_id, case when (o.value -> 'epoch')::text ~ '^-?[0-8]?[0-9]{1,18}$' then (o.value ->> 'epoch')::bigint end as epoch,
        case when (o.value -> 'character_id')::text ~ '^-?[0-9]{1,18}$' then (o.value ->> 'character_id')::bigint end as character_id
      from jsonb_array_elements(p_selects) with ordinality o (value, n) offset 0
    ) o
  ) e;
  if v_refs is null then
    return '[]'::jsonb;
  end if;

  -- Those that were answered before, and those that are wrong; of the others, where their characters are. Rows of tables that grow are
  -- looked up one by one, or by an array: a plan is kept, perhaps from when the tables were empty.
  select array_agg(s.session_id) filter (where s.was), array_agg(s.kind order by s.n), array_agg(s.key order by s.n), array_agg(coalesce(s.answer, case
      when s.was then 'true'
      when s.lost then orrery.session_lost(s.ref, s.id, s.epoch)
      when s.character_id is null then orrery.entry_error(s.ref, 'OR001', format('no character %s of this account', s.chosen), 'Select one of those session_open gave.')
    end) order by s.n)
  into v_handed, v_kinds, v_keys, v_answers
  from (
    select u.n, u.ref, u.id, u.epoch, u.chosen, u.answer, n.session_id, c.character_id, c.kind, c.key,
      coalesce(u.answer is null and n.state = 'playing' and n.character_id = u.chosen
        and n.payload -> 'from' = jsonb_build_object('server_id', p_server_id, 'epoch', u.epoch), false) as was,
      n.session_id is null or n.server_id <> v_me.server_id or n.epoch <> u.epoch or n.state not in ('selecting', 'waiting') as lost
    from unnest(v_refs, v_ids, v_session_epochs, v_chosen, v_answers) with ordinality u (ref, id, epoch, chosen, answer, n)
    left join lateral (select n.* from orrery.session n where n.session_id = u.id offset 0) n on true
    left join lateral (
      select c.* from orrery."character" c where c.character_id = u.chosen and c.account_id = n.account_id and c.cluster = n.cluster offset 0) c on true
  ) s;

  with places as (
    select d.kind, d.key, s.server_id
    from (select distinct u.kind, u.key from unnest(v_kinds, v_keys, v_answers) u (kind, key, answer) where u.answer is null) d
    cross join lateral (
      select p.server_id from orrery.placement p where p.cluster = v_me.cluster and p.kind = d.kind and p.key = d.key offset 0) p
    cross join lateral (select s.server_id from orrery.server s where s.server_id = p.server_id and s.state = 'ready' offset 0) s
  )
  select array_agg(p.server_id order by u.n) into v_targets
  from unnest(v_kinds, v_keys, v_answers) with ordinality u (kind, key, answer, n)
  left join places p on u.answer is null and p.kind = u.kind and p.key = u.key;
  v_waits := array_fill(null::text, array[cardinality(v_refs)]);
  for v_place in
    select v_me.cluster, u.kind, u.key, array_agg(u.n) as entries
    from unnest(v_kinds, v_keys, v_answers, v_targets) with ordinality u (kind, key, answer, target, n)
    where u.answer is null and u.target is null
    group by u.kind, u.key order by u.kind, u.key
  loop
    begin
      v_request := orrery.server_request(v_place.kind, v_place.key, v_place.cluster);
      if v_request ->> 'state' = 'starting' then
        -- whoever makes it ready tells those that wait: not before this one has noted that it does
        perform from orrery.cluster c where c.cluster = v_place.cluster for no key update;
        v_request := orrery.server_request(v_place.kind, v_place.key, v_place.cluster);
      end if;
      v_requested := true;
      for v_lock in select e.n from unnest(v_place.entries) e (n) loop
        -- as the player reads it: why, and on which machine, is the operators' to read (server_why)
        v_waits[v_lock.n] := format('%s %s is %s', v_place.kind, v_place.key, v_request ->> 'state');
        v_targets[v_lock.n] := case when v_request ->> 'state' = 'ready' then (v_request ->> 'server_id')::bigint end;
      end loop;
    exception when sqlstate 'OR001' or sqlstate 'OR002' or sqlstate 'OR003' then
      get stacked diagnostics v_message = message_text, v_hint = pg_exception_hint;
      for v_lock in select e.n from unnest(v_place.entries) e (n) loop
        v_answers[v_lock.n] := orrery.entry_error(v_refs[v_lock.n], sqlstate, v_message, v_hint);
      end loop;
    end;
  end loop;

  if array_remove(v_targets, null) <> '{}' then
    v_chats := orrery.chat_servers(v_me.cluster);
    v_servers := '{}'::bigint[];
    for v_lock in
      select distinct i.id from unnest(v_targets || v_chats) i (id) where i.id is not null order by i.id
    loop
      if v_lock.id = any(v_chats) then
        perform from orrery.server s where s.server_id = v_lock.id and s.state = 'ready' for share;
        if not found then
          v_chats := array_remove(v_chats, v_lock.id);
        end if;
      elsif v_requested then
        perform from orrery.server s where s.server_id = v_lock.id for no key update skip locked;
        if not found then
          perform orrery.command_add(v_me.server_id, 'tell', (
            select jsonb_build_object('tell', 'ready', 'kind', s.kind, 'key', s.key) from orrery.server s where s.server_id = v_lock.id), 'session_select');
          continue;
        end if;
        v_servers := v_servers || v_lock.id;
      else
        perform from orrery.server s where s.server_id = v_lock.id for no key update;
        v_servers := v_servers || v_lock.id;
      end if;
    end loop;
  end if;

  perform from orrery.session s
  where s.session_id = any(array(select u.id from unnest(v_ids, v_answers) u (id, answer) where u.answer is null))
  order by s.session_id for no key update;
  with targets as (
    select s.*, k.sessions_max
    from (select distinct i.id from unnest(v_targets) i (id) where i.id is not null) i
    cross join lateral (select s.server_id, s.cluster, s.kind, s.key, s.state from orrery.server s where s.server_id = i.id offset 0) s
    left join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind
  ), judged as (
    select u.n, u.ref, u.id, u.epoch, u.chosen, coalesce(u.answer, case
        when n.session_id is null or n.server_id <> v_me.server_id or n.epoch <> u.epoch or n.state not in ('selecting', 'waiting')
        then orrery.session_lost(u.ref, u.id, u.epoch) end) as answer,
      case when t.state = 'ready' and t.server_id = any(v_servers) then t.server_id end as target,
      coalesce(u.waits, case when t.state = 'ready' then format('%s %s is busy', t.kind, t.key) else format('%s %s is %s', t.kind, t.key, t.state) end) as waits,
      t.sessions_max, t.kind, t.key
    from unnest(v_refs, v_ids, v_session_epochs, v_chosen, v_answers, v_targets, v_waits) with ordinality u (ref, id, epoch, chosen, answer, target, waits, n)
    left join lateral (select n.session_id, n.server_id, n.epoch, n.state from orrery.session n where n.session_id = u.id offset 0) n on true
    left join targets t on t.server_id = u.target
  ), seats as (
    -- counted once a target
    select t.target, t.sessions_max - (select count(*) from orrery.session s where s.server_id = t.target and s.state <> 'ended') as room
    from (select distinct j.target, j.sessions_max from judged j where j.answer is null and j.target is not null) t
  ), seated as (
    select j.*, f.room, row_number() over (partition by j.target, j.answer is null order by j.n) as seat
    from judged j left join seats f on f.target = j.target
  ), final as (
    select s.n, s.target, s.waits, coalesce(s.answer, case when s.target is not null and s.seat > s.room
      then orrery.entry_error(s.ref, 'OR006', format('%s %s is full', s.kind, s.key), 'It has as many sessions as its kind allows: try again in a moment.') end) as answer
    from seated s
  )
  select array_agg(f.answer order by f.n), array_agg(f.target order by f.n), array_agg(f.waits order by f.n), bool_or(f.answer is null and f.target is null)
  into v_answers, v_targets, v_waits, v_waiting
  from final f;

  if v_waiting then
    update orrery.session s
    set state = 'waiting', character_id = u.chosen, rule = 'session_select', reason = format('%s waits: %s', c.name, u.waits), state_at = v_now
    from unnest(v_ids, v_chosen, v_answers, v_targets, v_waits) u (id, chosen, answer, target, waits)
    cross join lateral (select c.name from orrery."character" c where c.character_id = u.chosen offset 0) c
    where u.answer is null and u.target is null and s.session_id = u.id and (s.state <> 'waiting' or s.character_id is distinct from u.chosen);
  end if;
  select array_agg(u.id order by u.id), array_agg(u.epoch order by u.id), array_agg(u.chosen order by u.id), array_agg(u.target order by u.id)
  into v_moved, v_moved_epochs, v_moved_chosen, v_moved_to
  from unnest(v_ids, v_session_epochs, v_chosen, v_answers, v_targets) u (id, epoch, chosen, answer, target)
  where u.answer is null and u.target is not null;
  if v_moved is not null then
    -- width_bucket: where a session stands in v_moved, which is in order
    update orrery.session s
    set (server_id, character_id, reason, payload) = (
          select v_moved_to[m.n], c.character_id, format('%s handed to server %s, %s %s', c.name, v_moved_to[m.n], c.kind, c.key),
            jsonb_build_object('from', jsonb_build_object('server_id', p_server_id, 'epoch', v_moved_epochs[m.n]), 'state', c.state)
          from (select width_bucket(s.session_id, v_moved) as n offset 0) m
          cross join lateral (select c.* from orrery."character" c where c.character_id = v_moved_chosen[m.n] offset 0) c),
        epoch = v_epochs + nextval('orrery.epoch_seq'), state = 'playing', rule = 'session_select', state_at = v_now, taken = false
    where s.session_id = any(v_moved);
    if v_chats <> '{}' then
      insert into orrery.attachment (session_id, role, cluster, server_id, epoch)
      select m.id, 'chat', v_me.cluster, v_chats[1 + m.id % cardinality(v_chats)], v_epochs + nextval('orrery.epoch_seq')
      from unnest(v_moved) m (id) order by m.id
      on conflict (session_id, role) do update
      set server_id = excluded.server_id, epoch = excluded.epoch, taken = false, ended = false;
    end if;
  end if;

  v_handed := v_moved || v_handed;
  v_hands := orrery.session_targets(v_me, v_handed);
  return (
    select jsonb_agg(case
      when u.answer = 'true' or u.answer is null and u.target is not null then jsonb_build_object('ref', u.ref) || (v_hands -> u.id::text)
      when u.answer is not null then u.answer
      else jsonb_build_object('ref', u.ref, 'status', 'waiting', 'reason', u.waits) end order by u.n)
    from unnest(v_refs, v_ids, v_answers, v_targets, v_waits) with ordinality u (ref, id, answer, target, waits, n));
end
$$;
comment on function orrery.session_select(bigint, bigint, text, jsonb) is 'Hands sessions to the servers of their characters, or says what they wait for.';
grant execute on function orrery.session_select(bigint, bigint, text, jsonb) to orrery_session;

drop function if exists orrery.session_select(bigint, bigint, text, bigint, bigint, bigint);

-- session_hand_off: a zone hands sessions of its own to other places, with what their characters are there.
-- p_hands: [{"ref","session_id","epoch","kind","key","state"}] → answers as docs/control.md says, each with its ref, or {"ref","error"}. Owner,
-- epoch, the character's place and state change in one transaction, and only to a server that is ready and not full; chat hears of the new place.
-- Whoever waits has his session as before. Asked again under the old epoch it answers the same. An entry without a state only asks for the place:
-- it waits, or {"ref","status":"open"}.
-- Writes: session, character; what session_places and session_move write.
-- Locks: those of session_places and session_seats, then character, then those of session_move.
-- Errors: those of server_identity and batch_check; of an entry: OR001 no such place; OR003 malformed, or the place where it is; OR006 the target is
-- full; OR007 the session is not this server's any more, or is to be released; those of session_places.
-- Called by: src/pg/control_api (role zone).
create or replace function orrery.session_hand_off(p_server_id bigint, p_epoch bigint, p_token text, p_hands jsonb) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_me        orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token, 'zone');
  v_epochs    bigint := orrery.incarnation_current() << 32;
  v_refs      jsonb[];
  v_ids       bigint[];      -- sessions
  v_session_epochs bigint[];
  v_played    bigint[];      -- their characters
  v_kinds     text[];        -- where these are to be
  v_keys      text[];
  v_states    jsonb[];
  v_answers   jsonb[];       -- of those that are done
  v_moved     bigint[];      -- sessions that are handed now, in order
  v_moved_epochs bigint[];   -- of each, as it was
  v_moved_played bigint[];
  v_moved_to  bigint[];
  v_moved_kinds text[];
  v_moved_keys text[];
  v_moved_states jsonb[];
  v_targets   bigint[];
  v_waits     text[];
  v_locked    bigint[];
  v_chats     bigint[];
begin
  perform orrery.batch_check('p_hands', p_hands);
  -- a session twice in one call: the first counts
  select array_agg(e.ref order by e.n), array_agg(e.session_id order by e.n), array_agg(e.epoch order by e.n), array_agg(e.kind order by e.n),
    array_agg(e.key order by e.n), array_agg(e.state order by e.n),
    array_agg(case
      when e.session_id is null or e.epoch is null or e.kind is null or e.key is null or e.given and e.state is null
        then orrery.entry_error(e.ref, 'OR003', 'session_id and epoch are numbers, kind and key words, state is an object or is left out',
          'Use those of the session''s arrival.')
      when e.nth > 1
        then orrery.entry_error(e.ref, 'OR003', format('session %s stands twice in one call', e.session_id), 'Ask once for a session.')
      when e.kind = v_me.kind and e.key = v_me.key
        then orrery.entry_error(e.ref, 'OR003', format('session %s is to go where it is', e.session_id), 'Nothing is handed over then.')
    end order by e.n)
  into v_refs, v_ids, v_session_epochs, v_kinds, v_keys, v_states, v_answers
  from (
    select o.*, row_number() over (partition by o.session_id order by o.n) as nth
    from (
      select o.n, o.value -> 'ref' as ref,
        case when (o.value -> 'session_id')::text ~ '^-?[0-9]{1,18}$' then (o.value ->> 'session_id')::bigint end as session_id,
        case when (o.value -> 'epoch')::text ~ '^-?[0-8]?[0-9]{1,18}$' then (o.value ->> 'epoch')::bigint end as epoch,
        case when jsonb_typeof(o.value -> 'kind') = 'string' then o.value ->> 'kind' end as kind,
        case when jsonb_typeof(o.value -> 'key') = 'string' then o.value ->> 'key' end as key,
        case when jsonb_typeof(o.value -> 'state') = 'object' then o.value -> 'state' end as state, o.value ? 'state' as given
      from jsonb_array_elements(p_hands) with ordinality o (value, n) offset 0
    ) o
  ) e;
  if v_refs is null then
    return '[]'::jsonb;
  end if;

  -- Those that were answered before, and those that are wrong. Looked up one by one, as in session_select.
  select array_agg(s.character_id order by s.n), array_agg(coalesce(s.answer, case
      when s.was then 'true'
      when s.lost then orrery.session_lost(s.ref, s.id, s.epoch)
      when not s.is_place then orrery.entry_error(s.ref, 'OR001', format('no place %s %s in %s', left(s.kind, 64), left(s.key, 200), v_me.cluster),
        'A place is a key of a kind whose role is zone.')
    end) order by s.n)
  into v_played, v_answers
  from (
    select u.n, u.ref, u.id, u.epoch, u.kind, u.key, u.answer, n.character_id,
      u.answer is null and n.state = 'playing' and n.epoch <> u.epoch
        and orrery.session_was_handed(u.id, p_server_id, u.epoch, n.character_id, u.kind, u.key) as was,
      n.session_id is null or n.server_id <> v_me.server_id or n.epoch <> u.epoch or n.state <> 'playing' or n.release_at is not null as lost,
      exists (select from orrery.server_kind k where k.cluster = v_me.cluster and k.kind = u.kind and k.role = 'zone') as is_place
    from unnest(v_refs, v_ids, v_session_epochs, v_kinds, v_keys, v_answers) with ordinality u (ref, id, epoch, kind, key, answer, n)
    left join lateral (select n.* from orrery.session n where n.session_id = u.id offset 0) n on true
  ) s;

  select p.answers, p.targets, p.waits, p.locked, p.chats into v_answers, v_targets, v_waits, v_locked, v_chats
  from orrery.session_places(v_me, v_refs, v_kinds, v_keys, v_answers, false, 'session_hand_off') p;
  select array_agg(case when u.answer is null and u.state is null and u.target = any(v_locked)
    then jsonb_build_object('ref', u.ref, 'status', 'open') else u.answer end order by u.n) into v_answers
  from unnest(v_refs, v_states, v_answers, v_targets) with ordinality u (ref, state, answer, target, n);
  select p.answers, p.targets, p.waits into v_answers, v_targets, v_waits
  from orrery.session_seats(v_me, array['playing'], v_refs, v_ids, v_session_epochs, v_played, v_kinds, v_keys, v_locked,
    v_answers, v_targets, v_waits) p;

  select array_agg(u.id order by u.id), array_agg(u.epoch order by u.id), array_agg(u.played order by u.id), array_agg(u.target order by u.id),
    array_agg(u.kind order by u.id), array_agg(u.key order by u.id), array_agg(u.state order by u.id)
  into v_moved, v_moved_epochs, v_moved_played, v_moved_to, v_moved_kinds, v_moved_keys, v_moved_states
  from unnest(v_ids, v_session_epochs, v_played, v_kinds, v_keys, v_states, v_answers, v_targets)
    u (id, epoch, played, kind, key, state, answer, target)
  where u.answer is null and u.target is not null;
  if v_moved is not null then
    update orrery."character" c
    set kind = u.kind, key = u.key, state = u.state
    from unnest(v_moved_played, v_moved_kinds, v_moved_keys, v_moved_states) u (id, kind, key, state)
    where c.character_id = u.id;
    perform orrery.session_move(v_me, v_moved_epochs, v_moved, v_moved_played, v_moved_to, v_chats, v_epochs, 'session_hand_off');
  end if;
  return orrery.session_answers(v_me, v_refs, v_ids, v_answers, v_targets, v_waits);
end
$$;
comment on function orrery.session_hand_off(bigint, bigint, text, jsonb) is 'Hands sessions of a zone to other places, or says what they wait for.';
grant execute on function orrery.session_hand_off(bigint, bigint, text, jsonb) to orrery_session;

-- session_select: hand sessions to the servers of their characters, or say what they wait for.
-- p_selects: [{"ref","session_id","epoch","character_id"}] → answers as docs/control.md says, each with its ref, or {"ref","error"}. A hand-off
-- is one transaction: owner, epoch, state and chat attachment change together, and only to a server that is ready and not full. Asked
-- again under the old epoch it answers the same.
-- Writes: session, attachment; what session_places and session_move write.   Locks: those of session_places, session_seats, session_move.
-- Errors: those of server_identity and batch_check; of an entry: OR001 no such character of this account; OR003 malformed; OR006 the server is
-- full; OR007 the session is not this server's any more; those of session_places.
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
  v_moved     bigint[];      -- sessions that are handed now, in order
  v_moved_epochs bigint[];   -- of each, as it was
  v_moved_chosen bigint[];
  v_moved_to  bigint[];
  v_targets   bigint[];
  v_waits     text[];
  v_locked    bigint[];
  v_chats     bigint[];
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
  select array_agg(s.kind order by s.n), array_agg(s.key order by s.n), array_agg(coalesce(s.answer, case
      when s.was then 'true'
      when s.lost then orrery.session_lost(s.ref, s.id, s.epoch)
      when s.character_id is null then orrery.entry_error(s.ref, 'OR001', format('no character %s of this account', s.chosen), 'Select one of those session_open gave.')
    end) order by s.n)
  into v_kinds, v_keys, v_answers
  from (
    select u.n, u.ref, u.id, u.epoch, u.chosen, u.answer, n.session_id, c.character_id, c.kind, c.key,
      u.answer is null and n.state = 'playing' and orrery.session_was_handed(u.id, p_server_id, u.epoch, u.chosen, c.kind, c.key) as was,
      n.session_id is null or n.server_id <> v_me.server_id or n.epoch <> u.epoch or n.state not in ('selecting', 'waiting') as lost
    from unnest(v_refs, v_ids, v_session_epochs, v_chosen, v_answers) with ordinality u (ref, id, epoch, chosen, answer, n)
    left join lateral (select n.* from orrery.session n where n.session_id = u.id offset 0) n on true
    left join lateral (
      select c.* from orrery."character" c where c.character_id = u.chosen and c.account_id = n.account_id and c.cluster = n.cluster offset 0) c on true
  ) s;

  select p.answers, p.targets, p.waits, p.locked, p.chats into v_answers, v_targets, v_waits, v_locked, v_chats
  from orrery.session_places(v_me, v_refs, v_kinds, v_keys, v_answers, true, 'session_select') p;
  select p.answers, p.targets, p.waits into v_answers, v_targets, v_waits
  from orrery.session_seats(v_me, array['selecting', 'waiting'], v_refs, v_ids, v_session_epochs, v_chosen, v_kinds, v_keys, v_locked,
    v_answers, v_targets, v_waits) p;

  if exists (select from unnest(v_answers, v_targets) u (answer, target) where u.answer is null and u.target is null) then
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
    perform orrery.session_move(v_me, v_moved_epochs, v_moved, v_moved_chosen, v_moved_to, v_chats, v_epochs, 'session_select');
  end if;
  return orrery.session_answers(v_me, v_refs, v_ids, v_answers, v_targets, v_waits);
end
$$;
comment on function orrery.session_select(bigint, bigint, text, jsonb) is 'Hands sessions to the servers of their characters, or says what they wait for.';
grant execute on function orrery.session_select(bigint, bigint, text, jsonb) to orrery_session;

drop function if exists orrery.session_select(bigint, bigint, text, bigint, bigint, bigint);

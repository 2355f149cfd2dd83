-- session_seats: lock sessions that are to be handed over, and judge them by what is true then: whether they are still the caller's, whether
-- their targets are still ready, and who gets a seat, in order of asking. One whose same hand-off was committed meanwhile is answered by that.
-- p_states: those in which a session may be handed over by this caller; p_locked: targets whose seats may be counted. The others: of each entry, as
-- session_places took and gave them.
-- Gives of each entry its answer (null: none yet; true: it was handed over before), its target (null: none that is ready) and why it waits then.
-- Writes: nothing.   Locks: session, in key order; the caller has locked the targets.
-- Errors: of an entry: OR006 the target is full; those of session_lost.   Called by: session_select, session_hand_off.
create or replace function orrery.session_seats(p_me orrery.server, p_states text[], p_refs jsonb[], p_sessions bigint[], p_epochs bigint[],
  p_characters bigint[], p_kinds text[], p_keys text[], p_locked bigint[], p_answers jsonb[], p_targets bigint[], p_waits text[],
  out answers jsonb[], out targets bigint[], out waits text[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from orrery.session s
  where s.session_id = any(array(select u.id from unnest(p_sessions, p_answers) u (id, answer) where u.answer is null))
  order by s.session_id for no key update;
  with places as (
    select s.*, k.sessions_max
    from (select distinct i.id from unnest(p_targets) i (id) where i.id is not null) i
    cross join lateral (select s.server_id, s.cluster, s.kind, s.key, s.state from orrery.server s where s.server_id = i.id offset 0) s
    left join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind
  ), judged as (
    select u.n, u.ref, coalesce(u.answer, case
        when n.session_id is null or n.server_id <> p_me.server_id or n.epoch <> u.epoch or n.state <> all(p_states) or n.release_at is not null
        then case when orrery.session_was_handed(u.id, p_me.server_id, u.epoch, u.chosen, u.kind, u.key) then 'true'
          else orrery.session_lost(u.ref, u.id, u.epoch) end
      end) as answer,
      case when t.state = 'ready' and t.server_id = any(p_locked) then t.server_id end as target,
      coalesce(u.waits, format('%s %s is %s', t.kind, t.key, case when t.state = 'ready' then 'busy' else t.state end)) as waits,
      t.sessions_max, t.kind, t.key
    from unnest(p_refs, p_sessions, p_epochs, p_characters, p_kinds, p_keys, p_answers, p_targets, p_waits)
      with ordinality u (ref, id, epoch, chosen, kind, key, answer, target, waits, n)
    left join lateral (
      select n.session_id, n.server_id, n.epoch, n.state, n.release_at from orrery.session n where n.session_id = u.id offset 0) n on true
    left join places t on t.server_id = u.target
  ), seats as (
    -- counted once a target
    select t.target, t.sessions_max - (select count(*) from orrery.session s where s.server_id = t.target and s.state <> 'ended') as room
    from (select distinct j.target, j.sessions_max from judged j where j.answer is null and j.target is not null) t
  ), seated as (
    select j.*, f.room, row_number() over (partition by j.target, j.answer is null order by j.n) as seat
    from judged j left join seats f on f.target = j.target
  ), final as (
    select s.n, s.target, s.waits, coalesce(s.answer, case when s.target is not null and s.seat > s.room
      then orrery.entry_error(s.ref, 'OR006', format('%s %s is full', s.kind, s.key),
        'It has as many sessions as its kind allows: try again in a moment.')
      end) as answer
    from seated s
  )
  select array_agg(f.answer order by f.n), array_agg(f.target order by f.n), array_agg(f.waits order by f.n) into answers, targets, waits
  from final f;
end
$$;
comment on function orrery.session_seats(orrery.server, text[], jsonb[], bigint[], bigint[], bigint[], text[], text[], bigint[], jsonb[], bigint[],
  text[]) is 'Locks sessions that are to be handed over and judges which of them may be.';

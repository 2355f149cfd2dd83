-- session_end: their owner ends sessions. Its saved state is kept with the character. Who waits for the account hears of it at once, and chat of
-- those that did not go by themselves; of the others by its next server_sync.
-- p_ends: [{"session_id","epoch","reason","detail","state"}]; entries that are stale (ended, moved, older epoch) are ignored.
-- Writes: session, attachment, session_secret, character.state; what session_tell and session_released write.
-- Locks: session, then attachment, then character, each in key order; those of session_tell and session_released.
-- Errors: those of server_identity; OR003 no array of such, or an unknown reason.
-- Called by: src/pg/control_api.
create or replace function orrery.session_end(p_server_id bigint, p_epoch bigint, p_token text, p_ends jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := orrery.clock();
  v_me orrery.server := orrery.server_identity(p_server_id, p_epoch, p_token);
  v_end record;
  v_ids bigint[];         -- those that are not stale
  v_characters bigint[];
  v_reasons text[];
  v_states jsonb[];
begin
  if p_ends is null or jsonb_typeof(p_ends) <> 'array' then
    perform orrery.fail('OR003', 'p_ends is an array', format('Got %L.', p_ends), 'Pass [] when none ended.');
  end if;
  begin
    perform from jsonb_to_recordset(p_ends) e (session_id bigint, epoch bigint, reason text, detail text, state jsonb);
  exception when data_exception then
    perform orrery.fail('OR003', 'an entry of p_ends is malformed', sqlerrm, 'An entry has session_id, epoch and reason.');
  end;
  for v_end in
    select distinct e.reason from jsonb_to_recordset(p_ends) e (reason text)
    where coalesce(e.reason, '') not in ('lapse', 'logout', 'shutdown', 'login_timeout', 'superseded', 'token expired', 'protocol')
  loop
    perform orrery.fail('OR003', format('%L is no reason for an end', v_end.reason),
      'A server ends sessions by lapse, logout, shutdown, login_timeout, superseded, token expired or protocol.', 'Pass one of them; words go into detail.');
  end loop;
  -- all of them before the first attachment; looked up by their keys alone, as in server_sync
  v_ids := array(
    select e.session_id from jsonb_to_recordset(p_ends) e (session_id bigint)
    cross join lateral (select s.server_id from orrery.session s where s.session_id = e.session_id offset 0) s
    where s.server_id = v_me.server_id);
  perform from orrery.session s where s.session_id = any(v_ids) order by s.session_id for no key update;
  select array_agg(e.session_id), array_agg(e.character_id), array_agg(e.reason), array_agg(e.state)
  into v_ids, v_characters, v_reasons, v_states
  from (
    select distinct on (e.session_id) e.session_id, s.character_id, e.state,
      left(concat_ws(': ', e.reason, regexp_replace(left(e.detail, 1000), '[[:cntrl:]]', ' ', 'g')), 1000) as reason
    from jsonb_to_recordset(p_ends) e (session_id bigint, epoch bigint, reason text, detail text, state jsonb)
    cross join lateral (
      select s.character_id, s.state, s.epoch, s.server_id from orrery.session s where s.session_id = e.session_id offset 0) s
    where s.epoch = e.epoch and s.server_id = v_me.server_id and s.state <> 'ended'
    order by e.session_id
  ) e;
  if v_ids is null then
    return;
  end if;
  -- most end for the same reason
  for v_end in
    select u.reason, array_agg(u.id) as ids from unnest(v_ids, v_reasons) u (id, reason) group by u.reason order by u.reason
  loop
    update orrery.session s
    set state = 'ended', rule = 'session_end', state_at = v_now, reason = v_end.reason, payload = '{}', taken = true
    where s.session_id = any(v_end.ids);
  end loop;
  perform from orrery.attachment a where a.session_id = any(v_ids) and not a.ended order by a.session_id, a.role for no key update;
  update orrery.attachment a set ended = true, taken = false where a.session_id = any(v_ids) and not a.ended;
  update orrery.session_secret x set root = null where x.session_id = any(v_ids);
  for v_end in
    select u.id, u.state from unnest(v_characters, v_states) u (id, state) where jsonb_typeof(u.state) = 'object' order by u.id
  loop
    update orrery."character" c set state = v_end.state where c.character_id = v_end.id;
  end loop;
  perform orrery.session_tell(array(
    select distinct a.server_id
    from unnest(v_ids, v_reasons) u (id, reason)
    cross join lateral (select a.server_id, a.taken from orrery.attachment a where a.session_id = u.id offset 0) a
    where not a.taken and u.reason !~ '^(logout|lapse|shutdown|login_timeout)\M'), 'session_end');
  perform orrery.session_released(v_ids, 'session_end');
end
$$;
comment on function orrery.session_end(bigint, bigint, text, jsonb) is 'A server ends sessions of its own: lapsed, logged out, shut down.';
grant execute on function orrery.session_end(bigint, bigint, text, jsonb) to orrery_session;

-- session_end: their owner ends sessions. Its saved state is kept with the character; chat hears of it by server_sync, who waits
-- for the account at once.
-- p_ends: [{"session_id","epoch","reason","detail","state"}]; entries that are stale (ended, moved, older epoch) are ignored.
-- Writes: session, attachment, session_secret, character.state; what session_released writes.   Locks: session in key order, then character.
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
  v_ended bigint[] := '{}'::bigint[];
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
    where coalesce(e.reason, '') not in ('lapse', 'logout', 'shutdown', 'login_timeout', 'superseded', 'token expired')
  loop
    perform orrery.fail('OR003', format('%L is no reason for an end', v_end.reason),
      'A server ends sessions by lapse, logout, shutdown, login_timeout, superseded or token expired.', 'Pass one of them; words go into detail.');
  end loop;
  -- all of them before the first attachment
  perform from orrery.session s
  where s.server_id = v_me.server_id and s.session_id in (select e.session_id from jsonb_to_recordset(p_ends) e (session_id bigint))
  order by s.session_id for no key update;
  for v_end in
    select s.session_id, s.character_id, e.reason, e.detail, e.state
    from orrery.session s
    join jsonb_to_recordset(p_ends) e (session_id bigint, epoch bigint, reason text, detail text, state jsonb)
      using (session_id, epoch)
    where s.server_id = v_me.server_id and s.state <> 'ended'
    order by s.session_id
  loop
    update orrery.session s
    set state = 'ended', rule = 'session_end', state_at = v_now,
        reason = left(concat_ws(': ', v_end.reason, regexp_replace(left(v_end.detail, 1000), '[[:cntrl:]]', ' ', 'g')), 1000),
        payload = '{}', taken = true
    where s.session_id = v_end.session_id and s.state <> 'ended';
    continue when not found;
    update orrery.attachment a set ended = true, taken = false, end_told = false
    where a.session_id = v_end.session_id and not a.ended;
    update orrery.session_secret x set root = null where x.session_id = v_end.session_id;
    if jsonb_typeof(v_end.state) = 'object' then
      update orrery."character" c set state = v_end.state where c.character_id = v_end.character_id;
    end if;
    v_ended := v_ended || v_end.session_id;
  end loop;
  perform orrery.session_released(v_ended, 'session_end');
end
$$;
comment on function orrery.session_end(bigint, bigint, text, jsonb) is 'A server ends sessions of its own: lapsed, logged out, shut down.';
grant execute on function orrery.session_end(bigint, bigint, text, jsonb) to orrery_session;

-- session_kick: end a live session now. Its server is told at once and closes the client; what it had not saved of the
-- character is lost. The account may log in again: account_ban keeps it out.
-- p_reason: the player may be shown it; null: none given. Returns the event, and says in words who it was.
-- Writes: session, event; what session_end_told writes.   Locks: cluster, server, session, then those of session_end_told.
-- Errors: OR001 unknown, also when it is another cluster's; OR002 ended; OR003 null, a reason too long or with control
-- characters.   Called by: DBA.
create or replace function orrery.session_kick(p_session_id bigint, p_reason text default null) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_session orrery.session;
  v_words   text;
  v_event   bigint;
begin
  if p_session_id is null or length(p_reason) not between 1 and 200 or p_reason ~ '[[:cntrl:]]' then
    perform orrery.fail('OR003', 'a session is ended by its number, for a reason of 1 to 200 characters, none of them a control character',
      format('Got %s, %L.', coalesce(p_session_id::text, 'null'), left(p_reason, 200)), 'SELECT * FROM session_status');
  end if;
  -- the tick leaves out what is of a cluster that is held, rather than wait
  perform from orrery.cluster c where c.cluster = (select s.cluster from orrery.session s where s.session_id = p_session_id) for no key update;
  -- its server first, so that the tell below reaches it; a session that is handed over meanwhile is at another by then
  perform from orrery.server v
  where v.server_id = (select s.server_id from orrery.session s where s.session_id = p_session_id) for share;
  select * into v_session from orrery.session s where s.session_id = p_session_id for no key update;
  if not found then
    perform orrery.fail('OR001', format('no session %s', p_session_id), 'Nor one that this login may see.', 'SELECT * FROM session_status');
  end if;
  if v_session.state = 'ended' then
    perform orrery.fail('OR002', format('session %s has ended', p_session_id),
      format('At %s: %s.', to_char(v_session.state_at, 'YYYY-MM-DD HH24:MI:SS'), v_session.reason), 'SELECT * FROM session_status');
  end if;
  select format('%s is logged out by %s%s', concat_ws(' as ', a.name, c.name), session_user, coalesce(': ' || nullif(p_reason, ''), '')) into v_words
  from orrery.account a left join orrery."character" c on c.character_id = v_session.character_id
  where a.account_id = v_session.account_id;
  v_event := orrery.event_add(v_session.cluster, 'session', p_session_id::text, 'session_kick', v_words);
  perform orrery.session_end_told(array[p_session_id], 'session_kick', concat_ws(': ', 'kicked', nullif(p_reason, '')));
  raise notice '%', v_words;
  return v_event;
end
$$;
comment on function orrery.session_kick(bigint, text) is 'Ends a live session; returns the event.';
grant execute on function orrery.session_kick(bigint, text) to orrery_admin;

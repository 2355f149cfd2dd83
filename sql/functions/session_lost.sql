-- session_lost: what is answered about a session that is not the caller's under this epoch, does not log in any more, or is to be released.
-- Reads: session.   Writes: nothing.   Locks: none.
-- Errors: none.     Called by: session_command, session_select, session_hand_off, session_seats.
create or replace function orrery.session_lost(p_ref jsonb, p_session_id bigint, p_session_epoch bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_session orrery.session;
begin
  select s.* into v_session from orrery.session s where s.session_id = p_session_id;
  if v_session.epoch = p_session_epoch and v_session.state = 'playing' and v_session.release_at is not null then
    return orrery.entry_error(p_ref, 'OR007',
      format('session %s, epoch %s, is to be released: %s', p_session_id, p_session_epoch, v_session.release_reason),
      'Save and end it, as server_sync tells.');
  end if;
  return orrery.entry_error(p_ref, 'OR007', format('session %s, epoch %s, is not at this server', p_session_id, p_session_epoch),
    case when v_session.session_id is not null then format('It is %s at server %s under epoch %s: drop what is held of it.',
        v_session.state, v_session.server_id, v_session.epoch)
      else 'There is no such session in this cluster: drop what is held of it.' end);
end
$$;
comment on function orrery.session_lost(jsonb, bigint, bigint) is 'What is answered about a session that is not the caller''s.';

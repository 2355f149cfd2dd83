-- entry_error: what an entry of a batch that fails is answered, in bounded words; the others go on.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: login_begin, session_command, session_command_run, session_open, session_select, session_hand_off,
-- session_places, session_seats, session_lost, session_resolve, chat_channels, chat_join, chat_leave, chat_read, chat_say.
create or replace function orrery.entry_error(p_ref jsonb, p_code text, p_message text, p_hint text) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object('ref', p_ref, 'error', jsonb_build_object('code', p_code, 'message', left(p_message, 1000), 'hint', left(p_hint, 1000)));
end
$$;
comment on function orrery.entry_error(jsonb, text, text, text) is 'What an entry of a batch that fails is answered.';

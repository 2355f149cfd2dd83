-- batch_check: refuse what is no array of entries, or has more than batch_max of them.
-- p_name: of the parameter.
-- Writes: nothing.   Locks: none.
-- Errors: OR003.     Called by: login_begin, session_command, session_open, session_select, session_hand_off, session_renew,
-- session_resolve, chat_channels, chat_join, chat_leave, chat_read, chat_say.
create or replace function orrery.batch_check(p_name text, p_entries jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_most numeric := orrery.setting('batch_max');
begin
  if p_entries is null or jsonb_typeof(p_entries) <> 'array' then
    perform orrery.fail('OR003', format('%s is an array', p_name), format('Got %s.', coalesce(left(p_entries::text, 200), 'null')),
      'Pass [] when there is nothing.');
  elsif jsonb_array_length(p_entries) > v_most then
    perform orrery.fail('OR003', format('%s has at most %s entries', p_name, v_most), format('Got %s.', jsonb_array_length(p_entries)),
      'Make several calls.');
  end if;
end
$$;
comment on function orrery.batch_check(text, jsonb) is 'Refuses what is no array of entries, or too long.';

-- ban_words: what the player of a banned account is told.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: session_open, account_ban, account_unban, account_status, chat_join, chat_penalty_set, chat_say.
create or replace function orrery.ban_words(p_until timestamptz, p_reason text) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return format('banned %s: %s', case when p_until is null then 'for good'
    else 'until ' || to_char(p_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' end, p_reason);
end
$$;
comment on function orrery.ban_words(timestamptz, text) is 'What the player of a banned account is told.';
grant execute on function orrery.ban_words(timestamptz, text) to orrery_viewer, orrery_admin;

-- session_end_reason: why a session ended, as its player knows it: the first word of its reason; all of it of one that was kicked or banned.
-- What its server was told to end it for goes before how it then went.
-- p_reason, p_release_reason: the session's.
-- Writes: nothing.   Locks: none.
-- Errors: none.      Called by: server_sync, session_resolve.
create or replace function orrery.session_end_reason(p_reason text, p_release_reason text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_reason ~ '^(kicked|banned)\M' then p_reason
    else coalesce(p_release_reason, split_part(p_reason, ': ', 1), 'ended') end;
end
$$;
comment on function orrery.session_end_reason(text, text) is 'Why a session ended, as its player knows it.';

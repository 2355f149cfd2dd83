-- session_targets: the committed hand-off of a session as session_select answers it.
-- Reads: session, attachment.   Called by: session_select.
create or replace function orrery.session_targets(p_source orrery.server, p_session_id bigint) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
      'status', 'ready',
      'owner', orrery.server_target(p_source, s.server_id, s.epoch),
      'chat', (select orrery.server_target(p_source, a.server_id, a.epoch)
               from orrery.attachment a where a.session_id = s.session_id and a.role = 'chat' and not a.ended))
    from orrery.session s
    where s.session_id = p_session_id);
end
$$;
comment on function orrery.session_targets(orrery.server, bigint) is 'Where a session was handed to, its chat server included.';

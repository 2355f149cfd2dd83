-- session_targets: the committed hand-offs of sessions as session_select and session_hand_off answer them: an object of {"status","owner","chat"} by
-- session; chat is null while it is not ready.
-- Reads: session, attachment.   Writes: nothing.   Locks: none.
-- Errors: none.                 Called by: session_answers, session_resolve.
create or replace function orrery.session_targets(p_source orrery.server, p_sessions bigint[]) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with handed as (
      select s.session_id, s.server_id, s.epoch, a.server_id as chat_id, a.epoch as chat_epoch
      from orrery.session s
      left join lateral (
        select a.server_id, a.epoch from orrery.attachment a join orrery.server c on c.server_id = a.server_id and c.state = 'ready'
        where a.session_id = s.session_id and a.role = 'chat' and not a.ended offset 0) a on true
      where s.session_id = any(p_sessions)
    ), target as (
      -- its keys are the server's: derived once, whatever the number of sessions
      select t.server_id, orrery.server_target(p_source, t.server_id, 0) as target
      from (select h.server_id from handed h union select h.chat_id from handed h where h.chat_id is not null) t
    )
    select coalesce(jsonb_object_agg(h.session_id, jsonb_build_object('status', 'ready',
      'owner', o.target || jsonb_build_object('epoch', h.epoch), 'chat', c.target || jsonb_build_object('epoch', h.chat_epoch))), '{}')
    from handed h
    join target o on o.server_id = h.server_id
    left join target c on c.server_id = h.chat_id);
end
$$;
comment on function orrery.session_targets(orrery.server, bigint[]) is 'Where sessions were handed to, their chat servers included.';

drop function if exists orrery.session_targets(orrery.server, bigint);

-- session_server_gone: what becomes of the sessions of a server whose process is gone: those in play are orphaned when it
-- died (p_died) and kept for orphan_ms; those that had only logged in, were to be released anyway, or whose server was told to stop, are ended.
-- Attachments to it are given to its replacement as arrivals.
-- Writes: session, attachment; what session_end_all writes.   Locks: session, then attachment, in key order.
-- Errors: none.   Called by: server_exited.
create or replace function orrery.session_server_gone(p_server_id bigint, p_died boolean, p_rule text, p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids bigint[];
begin
  perform from orrery.session s where s.server_id = p_server_id and (s.state <> 'ended' or not s.taken)
  order by s.session_id for no key update;
  select array_agg(s.session_id order by s.session_id) into v_ids
  from orrery.session s
  where s.server_id = p_server_id and s.state <> 'ended' and not (p_died and s.state in ('playing', 'orphaned') and s.release_at is null);
  if v_ids is not null then
    perform orrery.session_end_all(v_ids, p_rule, concat_ws(': ', case when p_died then 'lapse' else 'shutdown' end, p_reason));
  end if;
  update orrery.session s set state = 'orphaned', rule = p_rule, reason = p_reason
  where s.server_id = p_server_id and s.state = 'playing';
  update orrery.session s set taken = true where s.server_id = p_server_id and s.state = 'ended' and not s.taken;
  perform from orrery.attachment a where a.server_id = p_server_id and a.taken is distinct from a.ended
  order by a.session_id, a.role for no key update;
  update orrery.attachment a set taken = a.ended where a.server_id = p_server_id and a.taken is distinct from a.ended;
end
$$;
comment on function orrery.session_server_gone(bigint, boolean, text, text) is 'Orphans or ends the sessions of a server that is gone.';

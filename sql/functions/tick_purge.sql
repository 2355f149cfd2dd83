-- tick_purge: once a minute: delete settled commands and ended sessions, and stopped servers that nothing refers to, when
-- they are older than ended_kept_s.
-- Writes: command, session (with its secret and attachments), server.   Locks: the rows deleted.
-- Errors: none.                                                         Called by: tick.
create or replace function orrery.tick_purge() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before timestamptz := orrery.clock() - make_interval(secs => orrery.setting('ended_kept_s')::float8);
begin
  delete from orrery.command c where c.state in ('done', 'failed', 'void', 'expired') and c.state_at < v_before;
  delete from orrery.session s where s.state = 'ended' and s.state_at < v_before;
  delete from orrery.server s
  where s.state = 'stopped' and s.state_at < v_before
    and not exists (select from orrery.command c where c.server_id = s.server_id)
    and not exists (select from orrery.session n where n.server_id = s.server_id)
    and not exists (select from orrery.attachment a where a.server_id = s.server_id)
    and not exists (select from orrery.placement p where p.server_id = s.server_id);
end
$$;
comment on function orrery.tick_purge() is 'Deletes what ended long ago.';

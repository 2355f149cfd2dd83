-- tick_purge: once a minute: delete settled commands, ended sessions, and stopped servers that nothing refers to, when they
-- are older than ended_kept_s; what players ordered, after command_kept_s; news, after news_kept_s; what was said, after chat_kept_s
-- and beyond chat_kept_max; events that no partition took, after event_days_kept. Never so many that the step takes long: then it
-- returns now, as more is due; else null.
-- Writes: allocation, chat_message, command, session_command, session (with its secret and attachments), server, world_news, event_default.
-- Locks: the rows deleted.
-- Errors: none.   Called by: tick_step.
create or replace function orrery.tick_purge() returns timestamptz
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- as arrays below: a plan may ask a subselect again and again, and each time get other rows
  v_most   bigint := orrery.setting('purge_rows_max');
  v_now    timestamptz := orrery.clock();
  v_before timestamptz := v_now - make_interval(secs => orrery.setting('ended_kept_s')::float8);
  v_kept   bigint := orrery.setting('chat_kept_max');
  v_rows   bigint;
  v_more   boolean := false;
begin
  delete from orrery.command c where c.command_id = any(array(
    select d.command_id from orrery.command d
    where d.state in ('done', 'failed', 'void', 'expired') and d.state_at < v_before limit v_most for update skip locked));
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  delete from orrery.session_command c where c.ctid = any(array(
    select k.ctid from orrery.session_command k
    where k.made_at < v_now - make_interval(secs => orrery.setting('command_kept_s')::float8) limit v_most));
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  -- the others would go with their sessions, however many they are
  delete from orrery.session_command c where c.ctid = any(array(
    select k.ctid from orrery.session d
    cross join lateral (select k.ctid from orrery.session_command k where k.session_id = d.session_id offset 0) k
    where d.state = 'ended' and d.state_at < v_before limit v_most));
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  if v_rows < v_most then
    delete from orrery.session s where s.session_id = any(array(
      select d.session_id from orrery.session d where d.state = 'ended' and d.state_at < v_before limit v_most for update skip locked));
    get diagnostics v_rows = row_count;
    v_more := v_more or v_rows = v_most;
  end if;
  delete from orrery.allocation s where s.allocation_id = any(array(
    select d.allocation_id from orrery.allocation d
    where d.state in ('released', 'expired', 'failed') and d.state_at < v_before limit v_most for update skip locked));
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  delete from orrery.server s where s.server_id = any(array(
    select d.server_id from orrery.server d
    where d.state = 'stopped' and d.state_at < v_before
      and not exists (select from orrery.command c where c.server_id = d.server_id)
      and not exists (select from orrery.session n where n.server_id = d.server_id)
      and not exists (select from orrery.attachment a where a.server_id = d.server_id)
      and not exists (select from orrery.allocation a where a.server_id = d.server_id)
      and not exists (select from orrery.placement p where p.server_id = d.server_id)
    limit v_most for update skip locked));
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  delete from orrery.world_news n where n.ctid = any(array(
    select d.ctid from orrery.world_news d
    where d.made_at < v_now - make_interval(secs => orrery.setting('news_kept_s')::float8) limit v_most for update skip locked));
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  delete from orrery.chat_message m where (m.channel_id, m.number) in (
    select d.channel_id, d.number from orrery.chat_message d
    where d.said_at < v_now - make_interval(secs => orrery.setting('chat_kept_s')::float8) limit v_most);
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  delete from orrery.chat_message m where (m.channel_id, m.number) in (
    select d.channel_id, d.number
    from (select h.channel_id, h.last_number - v_kept as up_to from orrery.chat_channel h where h.last_number > v_kept) h
    cross join lateral (select d.channel_id, d.number from orrery.chat_message d where d.channel_id = h.channel_id and d.number <= h.up_to offset 0) d
    limit v_most);
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  delete from orrery.event_default e where (e.event_id, e.recorded_at) in (
    select d.event_id, d.recorded_at from orrery.event_default d
    where d.recorded_at < v_now - orrery.setting('event_days_kept') * interval '1 day' limit v_most);
  get diagnostics v_rows = row_count;
  v_more := v_more or v_rows = v_most;
  return case when v_more then v_now end;
end
$$;
comment on function orrery.tick_purge() is 'Deletes what ended long ago; returns now when more is left.';

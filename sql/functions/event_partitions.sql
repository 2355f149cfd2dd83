-- event_partitions: make a partition of event for each of the next event_days_ahead days (UTC), moving into it what the
-- default one caught, and drop those older than event_days_kept. Everybody who writes an event waits for a drop, so it waits
-- for its lock no longer than partition_lock_ms, three times, and is left for the next hour when somebody reads for long;
-- an event tells. Seven at most are dropped at once.
-- Writes: catalog, event.   Locks: event_default, then event, briefly.
-- Errors: OR010 login of one cluster.   Called by: sql/cron/event_partitions.sql, tests.
create or replace function orrery.event_partitions() returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_today date := orrery.clock()::date;
  v_day   date;
  v_name  text;
  v_tries integer := 0;
  v_done  boolean;
begin
  perform orrery.login_everywhere('event_partitions');
  perform set_config('lock_timeout', orrery.setting('partition_lock_ms')::text || 'ms', true);
  for v_day in select v_today + n from generate_series(0, orrery.setting('event_days_ahead')::integer) n loop
    v_name := 'event_' || to_char(v_day, 'YYYYMMDD');
    continue when to_regclass('orrery.' || v_name) is not null;
    begin
      execute format('create table orrery.%I (like orrery.event including defaults including constraints)', v_name);
      execute format('comment on table orrery.%I is %L', v_name, 'Events of ' || v_day);
      -- attaching takes this lock anyway; before, so that nothing comes in between
      lock table orrery.event_default in access exclusive mode;
      if exists (select from orrery.event_default e where e.recorded_at >= v_day and e.recorded_at < v_day + 1) then
        execute format('with moved as (delete from orrery.event_default e where e.recorded_at >= %L and e.recorded_at < %L returning *)
          insert into orrery.%I select * from moved', v_day, v_day + 1, v_name);
      end if;
      execute format('alter table orrery.event attach partition orrery.%I for values from (%L) to (%L)', v_name, v_day, v_day + 1);
    exception when lock_not_available then
      perform orrery.event_add(null, 'event', v_name, 'event_partitions', 'not made: somebody holds what it needs; tried again in an hour');
    end;
  end loop;
  perform orrery.isolation_apply('orrery');
  for v_name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'orrery.event'::regclass and c.relname ~ '^event_[0-9]{8}$'
      and to_date(right(c.relname, 8), 'YYYYMMDD') < v_today - orrery.setting('event_days_kept')::integer
    order by c.relname limit 7
  loop
    loop
      v_tries := v_tries + 1;
      begin
        execute format('drop table orrery.%I', v_name);
        v_done := true;
      exception when lock_not_available then
        v_done := false;
      end;
      exit when v_done or v_tries >= 3;
    end loop;
    -- what is dropped keeps everybody waiting until the end: no more tries after the first
    v_tries := 3;
    if not v_done then
      perform orrery.event_add(null, 'event', v_name, 'event_partitions', 'not dropped: somebody reads events; tried again in an hour');
      exit;
    end if;
  end loop;
end
$$;
comment on function orrery.event_partitions() is 'Makes partitions of event ahead of time and drops old ones.';
grant execute on function orrery.event_partitions() to orrery_cron, orrery_admin;

-- event_partitions: make a partition of event for each of the next event_days_ahead days (UTC), moving into it what the
-- default one caught, and drop those older than event_days_kept. Waits at most a second for a lock; tried again in an hour.
-- Writes: catalog, event.   Locks: event, briefly.
-- Errors: 55P03 lock not available.   Called by: sql/cron/event_partitions.sql.
create or replace function orrery.event_partitions() returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
set timezone = 'UTC'
as $$
declare
  v_today date := orrery.clock()::date;
  v_day   date;
  v_name  text;
begin
  for v_day in select v_today + n from generate_series(0, orrery.setting('event_days_ahead')::integer) n loop
    v_name := 'event_' || to_char(v_day, 'YYYYMMDD');
    continue when to_regclass('orrery.' || v_name) is not null;
    execute format('create table orrery.%I (like orrery.event including defaults including constraints)', v_name);
    execute format('comment on table orrery.%I is %L', v_name, 'Events of ' || v_day);
    if exists (select from orrery.event_default e where e.recorded_at >= v_day and e.recorded_at < v_day + 1) then
      execute format('with moved as (delete from orrery.event_default e where e.recorded_at >= %L and e.recorded_at < %L returning *)
        insert into orrery.%I select * from moved', v_day, v_day + 1, v_name);
    end if;
    execute format('alter table orrery.event attach partition orrery.%I for values from (%L) to (%L)', v_name, v_day, v_day + 1);
  end loop;
  perform orrery.isolation_apply('orrery');
  for v_name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'orrery.event'::regclass and c.relname ~ '^event_[0-9]{8}$'
      and to_date(right(c.relname, 8), 'YYYYMMDD') < v_today - orrery.setting('event_days_kept')::integer
    order by c.relname
  loop
    execute format('drop table orrery.%I', v_name);
  end loop;
end
$$;
comment on function orrery.event_partitions() is 'Makes partitions of event ahead of time and drops old ones.';
grant execute on function orrery.event_partitions() to orrery_cron, orrery_admin;

-- job_log_purge: delete pg_cron's log of runs older than a day, which grows by two rows a minute. Runs that were cut off have
-- no end, those that never began no time at all: these are older than a day when a later one is.
-- Writes: cron.job_run_details (row-level security leaves it to the jobs' own login, so not definer).   Locks: none.
-- Errors: none.   Called by: sql/cron/job_log_purge.sql.
create or replace function orrery.job_log_purge() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from cron.job_run_details d
  where coalesce(d.end_time, d.start_time) < orrery.clock() - interval '1 day'
    or coalesce(d.end_time, d.start_time) is null and d.runid < (
      select max(o.runid) from cron.job_run_details o where coalesce(o.end_time, o.start_time) < orrery.clock() - interval '1 day');
end
$$;
comment on function orrery.job_log_purge() is 'Deletes pg_cron''s log of runs older than a day.';
grant execute on function orrery.job_log_purge() to orrery_cron;

-- Catches a log of pg_cron's that grows for ever, runs that were cut off or never began included.
begin;
select plan(2);
delete from cron.job_run_details;
insert into cron.job_run_details (jobid, runid, username, status, start_time, end_time) values
  (1, 1, 'orrery_cron', 'failed', null, null),
  (1, 5, 'orrery_cron', 'succeeded', now() - interval '26 hours', now() - interval '25 hours'),
  (1, 3, 'orrery_cron', 'failed', now() - interval '25 hours', null),
  (1, 4, 'postgres', 'succeeded', now() - interval '26 hours', now() - interval '25 hours'),
  (1, 2, 'orrery_cron', 'succeeded', now() - interval '25 hours', now() - interval '23 hours'),
  (1, 6, 'orrery_cron', 'running', now() - interval '1 minute', null),
  (1, 7, 'orrery_cron', 'failed', null, null);
select is(orrery_test.as_login('orrery_cron', 'select orrery.job_log_purge()'), '', 'the jobs'' login may');
select results_eq('select runid from cron.job_run_details order by runid', 'values (2::bigint), (4), (6), (7)',
  'what is a day old is gone: runs of its own that ended, were cut off, or never began');
select * from finish();
rollback;

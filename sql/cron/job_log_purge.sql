-- orrery_job_log_purge: keeps pg_cron's log of runs short.
grant usage on schema cron to orrery_cron;
grant select, delete on cron.job_run_details to orrery_cron;
select orrery.cron_job_set('orrery_job_log_purge', '27 * * * *', 'select orrery.job_log_purge()');

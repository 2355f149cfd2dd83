-- Catches an installation that makes a job twice, leaves it as it was, or deletes it, which would end the loop that is running.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cron_job_set('orrery_test', '* * * * *', 'select 1') as job \gset
select is((select format('%s|%s|%s|%s|%s', schedule, command, username, database, active) from cron.job where jobname = 'orrery_test'),
  format('* * * * *|select 1|orrery_cron|%s|t', current_database()), 'made, for orrery_cron in this database');
select is((select nodename from cron.job where jobid = :job), current_setting('cron.host'), 'over the socket that cron.host names');
select to_jsonb(j) || jsonb_build_object('xmin', j.xmin::text, 'ctid', j.ctid::text) as before from cron.job j where j.jobid = :job \gset
select is(orrery.cron_job_set('orrery_test', '* * * * *', 'select 1'), :job::bigint, 'again: the same job');
select is((select to_jsonb(j) || jsonb_build_object('xmin', j.xmin::text, 'ctid', j.ctid::text) from cron.job j where j.jobid = :job), :'before'::jsonb, 'which is not even written');
select is(orrery.cron_job_set('orrery_test', '30 * * * *', 'select 2'), :job::bigint, 'changed: the same job');
select results_eq($$select schedule, command from cron.job where jobname = 'orrery_test'$$, $$values ('30 * * * *', 'select 2')$$, 'in place');
update cron.job set active = false, username = 'postgres' where jobid = :job;
select orrery.cron_job_set('orrery_test', '30 * * * *', 'select 2');
select results_eq($$select active, username from cron.job where jobname = 'orrery_test'$$, $$values (true, 'orrery_cron')$$, 'what somebody switched off is on again');
select is((select count(*) from cron.job where jobname = 'orrery_test'), 1::bigint, 'one job');
create role orrery_test_dba login in role orrery_admin;
select is(orrery_test.as_login('orrery_test_dba', 'select orrery.cron_job_set(''x'', ''* * * * *'', ''select 1'')'), '42501', 'no DBA makes jobs by it');
drop extension pg_cron;
select is(orrery_test.refusal('select orrery.cron_job_set(''x'', ''* * * * *'', ''select 1'')') ->> 'code', 'OR002', 'not in this database');
select alike(orrery_test.refusal('select orrery.cron_job_set(''x'', ''* * * * *'', ''select 1'')') ->> 'hint', '%shared_preload_libraries%', 'and what to do about it');
select * from finish();
rollback;

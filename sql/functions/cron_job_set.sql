-- cron_job_set: make or change one pg_cron job, run as orrery_cron in this database over the socket that cron.host names.
-- Writes: cron.job.        Locks: none.
-- Errors: OR002 pg_cron is not in this database.   Called by: sql/cron, as the installing superuser.
create or replace function orrery.cron_job_set(p_job text, p_schedule text, p_command text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_job_id bigint;
begin
  if not exists (select from pg_extension e where e.extname = 'pg_cron') then
    perform orrery.fail('OR002', format('pg_cron is not installed in database %s', current_database()),
      'Without it nothing ticks: no timer fires and no lost agent is noticed.',
      format('Set shared_preload_libraries = ''pg_cron'' and cron.database_name = %L, restart PostgreSQL, CREATE EXTENSION pg_cron, and install again.',
        current_database()));
  end if;
  -- changed in place: a deleted job takes its running loop with it
  select j.jobid into v_job_id from cron.job j where j.jobname = p_job order by j.jobid limit 1;
  if not found then
    v_job_id := cron.schedule(p_job, p_schedule, p_command);
  end if;
  update cron.job j
  set schedule = p_schedule, command = p_command, username = 'orrery_cron', database = current_database(), active = true,
      nodename = coalesce(current_setting('cron.host', true), j.nodename)
  where j.jobid = v_job_id
    and (j.schedule, j.command, j.username, j.database, j.active, j.nodename) is distinct from
        (p_schedule, p_command, 'orrery_cron', current_database(), true, coalesce(current_setting('cron.host', true), j.nodename));
  return v_job_id;
end
$$;
comment on function orrery.cron_job_set(text, text, text) is 'Makes or changes one pg_cron job of Orrery.';

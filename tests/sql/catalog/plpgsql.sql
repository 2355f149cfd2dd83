-- Catches a PL/pgSQL body that names what does not exist, casts what does not fit, or keeps what it never uses. Bodies are not checked at installation.
begin;
create extension if not exists plpgsql_check;
select no_plan();
create temp view problems as
  select p.oid::regprocedure as function, c.lineno, c.level, c.message, c.detail, c.query
  from pg_proc p
  join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
  cross join lateral plpgsql_check_function_tb(p.oid,
    relid => case when p.prorettype = 'trigger'::regtype
      then coalesce((select t.tgrelid from pg_trigger t where t.tgfoid = p.oid order by t.tgrelid limit 1), 0::oid) else 0::oid end,
    performance_warnings => false, extra_warnings => true) c
  where p.pronamespace in ('orrery'::regnamespace, 'space'::regnamespace)
    -- this one is about tables of pg_cron
    and (p.proname <> 'cron_job_set' or exists (select from pg_extension e where e.extname = 'pg_cron'));
select is_empty('select * from problems where level = ''error''', 'no error');
select is_empty('select * from problems where level <> ''error''', 'no warning, nor anything that is never used');
select cmp_ok((select count(*) from pg_proc p join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql' where p.pronamespace = 'orrery'::regnamespace), '>', 60::bigint, 'there are functions to look at');
select * from finish();
rollback;

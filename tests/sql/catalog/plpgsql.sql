-- Catches a PL/pgSQL body that names what does not exist, casts what does not fit, or keeps what it never uses. Bodies are not checked at installation.
begin;
create extension if not exists plpgsql_check;
select no_plan();
-- A trigger function is looked at with each table that has it, in its own way.
create temp view tried as
  select p.oid, p.proname, coalesce(t.tgrelid, 0::oid) as relid, t.old_rows, t.new_rows
  from pg_proc p
  join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
  left join (select t.tgfoid, t.tgrelid, max(t.tgoldtable) as old_rows, max(t.tgnewtable) as new_rows from pg_trigger t group by t.tgfoid, t.tgrelid) t on t.tgfoid = p.oid and p.prorettype = 'trigger'::regtype
  where p.pronamespace in ('orrery'::regnamespace, 'space'::regnamespace);
create temp view problems as
  select p.oid::regprocedure as function, p.relid::regclass as "table", c.lineno, c.level, c.message, c.detail, c.query
  from tried p
  cross join lateral plpgsql_check_function_tb(p.oid, relid => p.relid, oldtable => p.old_rows, newtable => p.new_rows, performance_warnings => true, extra_warnings => true) c
  -- this one is about tables of pg_cron
  where (p.proname <> 'cron_job_set' or exists (select from pg_extension e where e.extname = 'pg_cron'));
select is_empty('select * from problems where level = ''error''', 'no error');
-- Not looked at: that a setting, which is numeric, is kept in a bigint costs a cast; and were fail immutable, as its body would allow,
-- the planner would raise what no row asks for. A policy is given what it may not look at.
select is_empty($$select * from problems where level <> 'error' and not (level = 'performance' and (message = 'target type is different type than source type'
  or function = 'orrery.fail(text,text,text,text)'::regprocedure and message = 'routine is marked as VOLATILE, should be IMMUTABLE'))
  and not (function::text ~ '^orrery.placement_(packed|spread)' and message = 'unused parameter "p_kind"')$$,
  'no warning, nothing that is never used, nothing slower than it need be');
select cmp_ok((select count(*) from tried where proname = 'state_guard'), '>', 3::bigint, 'the guard was looked at with the tables of several machines');
select cmp_ok((select count(*) from pg_proc p join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql' where p.pronamespace = 'orrery'::regnamespace), '>', 60::bigint, 'there are functions to look at');
select * from finish();
rollback;

-- Catches a function without a comment, with an open search_path, that everybody may call, that a definer's rights leak
-- through, or that fails or changes a state without saying why.
begin;
select no_plan();
create temp view ours as
  select p.*, p.oid::regprocedure::text as name from pg_proc p
  where p.pronamespace in ('orrery'::regnamespace, 'space'::regnamespace)
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');
select cmp_ok((select count(*) from ours), '>', 60::bigint, 'there are functions to look at');
select is_empty('select name from ours p where coalesce(obj_description(p.oid, ''pg_proc''), '''') = ''''', 'each has a comment');
-- A procedure that commits cannot have settings of its own.
select is_empty($$select name from ours p where proname <> 'tick_loop'
  and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false)$$, 'each has its search_path pinned');
select is_empty($$select name from ours p where exists (
  select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)$$, 'none is for PUBLIC');
select is_empty($$select defaclrole::regrole, defaclobjtype from pg_default_acl d where defaclnamespace = 0 and defaclobjtype = 'f'
  and exists (select from aclexplode(defaclacl) a where a.grantee = 0)$$, 'nor will the next one be');
select is((select count(*) from pg_default_acl d where defaclobjtype = 'f' and defaclrole in ('orrery_owner'::regrole, 'orrery_space_owner'::regrole)), 2::bigint, 'of either owner');
select is_empty($$select name from ours p where proowner not in ('orrery_owner'::regrole, 'orrery_space_owner'::regrole)$$,
  'each belongs to an owner nobody logs in as');
select is_empty($$select name from ours p where not prosecdef and exists (
  select from aclexplode(p.proacl) a where a.grantee in ('orrery_agent'::regrole, 'orrery_session'::regrole, 'orrery_admin'::regrole)
    and a.grantee <> p.proowner) and provolatile <> 'i' and proname not in ('clock', 'tick_loop')$$, 'what daemons and DBAs call runs with its owner''s rights');
select is_empty($$select name from ours p where proname <> 'fail'
  and prosrc ~* '\mraise\M(?!\s+(notice|warning|info|log|debug)\M|;)'$$, 'every error goes through fail, or on as it came');
select is_empty($$select name, m[1] from ours p, regexp_matches(p.prosrc, 'orrery\.fail\(\s*([^,]+),', 'g') m
  where p.proname <> 'fail' and m[1] !~ '^''OR0(0[1-9]|1[0-3])''$'$$, 'with an SQLSTATE of docs/control.md');
select is_empty($$select name from ours p where proname <> 'clock'
  and prosrc ~* '\m(now\s*\(|clock_timestamp|current_timestamp|localtimestamp|statement_timestamp|transaction_timestamp|timeofday)'$$, 'nothing but clock reads time');
create temp view changes as
  select name, m[1] as statement from ours p,
    regexp_matches(p.prosrc, '(update orrery\."?(?:cluster|agent|server|command|session)"? \w+\s+set [^;]*;)', 'g') m
  where m[1] ~ '(\mset|,)\s+state = ';
select cmp_ok((select count(*) from changes), '>', 20::bigint, 'there are changes of state to look at');
select is_empty($$select * from changes where statement !~ '(\mset|,)\s+rule = '$$, 'each names its rule');
select is_empty($$select name, m[1] from ours p, regexp_matches(p.prosrc, 'insert into orrery\."?((?:cluster|agent|server|command|session)"? (?:as \w+ )?\([^)]*\))', 'g') m
  where m[1] !~ '\mrule\M' and m[1] !~ '^cluster '$$, 'and so does whoever makes a row');
select is(current_setting('jit'), 'off', 'nothing is compiled that runs for 3 ms');
select is((select d.setconfig @> array['default_transaction_isolation=read committed'] from pg_db_role_setting d
  join pg_database b on b.oid = d.setdatabase and b.datname = current_database() where d.setrole = 0), true,
  'calls see what they waited for, whatever the server''s default is');
select * from finish();
rollback;

-- Catches a function without a comment, with an open search_path, that everybody may call, or that a definer's rights
-- leak through.
begin;
select no_plan();
create temp view ours as
  select p.*, p.oid::regprocedure::text as name from pg_proc p
  where p.pronamespace in ('orrery'::regnamespace, 'space'::regnamespace)
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');
select cmp_ok((select count(*) from ours), '>', 60::bigint, 'there are functions to look at');
select is_empty('select name from ours p where obj_description(p.oid, ''pg_proc'') is null', 'each has a comment');
-- A procedure that commits cannot have settings of its own.
select is_empty($$select name from ours p where proname <> 'tick_loop'
  and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false)$$, 'each has its search_path pinned');
select is_empty($$select name from ours p where exists (
  select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)$$, 'none is for PUBLIC');
select is_empty($$select name from ours p where proowner not in ('orrery_owner'::regrole, 'orrery_space_owner'::regrole)$$,
  'each belongs to an owner nobody logs in as');
select is_empty($$select name from ours p where not prosecdef and exists (
  select from aclexplode(p.proacl) a where a.grantee in ('orrery_agent'::regrole, 'orrery_session'::regrole, 'orrery_admin'::regrole)
    and a.grantee <> p.proowner) and provolatile <> 'i' and proname not in ('clock', 'tick_loop')$$, 'what daemons and DBAs call runs with its owner''s rights');
select is_empty($$select name from ours p where proname <> 'fail' and prosrc ~* '\mraise\s+(exception|sqlstate)\M'$$, 'every error goes through fail');
select is_empty($$select name from ours p where proname <> 'clock'
  and prosrc ~* '\m(now\s*\(|clock_timestamp|current_timestamp|localtimestamp|statement_timestamp|transaction_timestamp|timeofday)'$$, 'nothing but clock reads time');
select * from finish();
rollback;

-- Catches a table that is open to another cluster, has no comment, or whose foreign keys make deletes slow.
begin;
select no_plan();
create temp view ours as
  select c.*, c.oid::regclass::text as name from pg_class c
  where c.relnamespace in ('orrery'::regnamespace, 'space'::regnamespace) and c.relkind in ('r', 'p');
select cmp_ok((select count(*) from ours), '>', 20::bigint, 'there are tables to look at');
select is_empty('select name from ours where not relrowsecurity or not relforcerowsecurity', 'row-level security is on and forced on each');
select is_empty('select name from ours c where (select count(*) from pg_policy y where y.polrelid = c.oid) <> 1', 'each has one policy');
select is_empty($$select name from ours c join pg_policy y on y.polrelid = c.oid where y.polcmd <> '*' or y.polroles <> '{0}' or not y.polpermissive$$,
  'for every command and everybody');
select is_empty($$select name from ours c join pg_attribute a on a.attrelid = c.oid and a.attname = 'cluster' and not a.attisdropped
  join pg_policy y on y.polrelid = c.oid
  where c.relname <> 'cluster_login' and pg_get_expr(y.polqual, c.oid) not like '%login_cluster()%'$$, 'that compares the cluster where there is one');
select is_empty($$select name from ours c where not relispartition and coalesce(obj_description(c.oid, 'pg_class'), '') = ''$$, 'each has a comment');
-- `reason` is words, whatever the table.
select is_empty($$select name || '.' || a.attname from ours c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where not relispartition and col_description(c.oid, a.attnum) is null and a.attname <> 'reason'
    and (not a.attnotnull or a.atttypid in ('jsonb'::regtype, 'text[]'::regtype))$$, 'so has each column that may be null or has an inside');
select is_empty($$select c.oid::regclass from pg_class c where c.relnamespace in ('orrery'::regnamespace, 'space'::regnamespace) and c.relkind in ('v', 'S')
  and coalesce(obj_description(c.oid, 'pg_class'), '') = '' and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'i')$$,
  'each view and sequence of its own');
select is_empty($$select c.oid::regclass from pg_class c where c.relnamespace in ('orrery'::regnamespace, 'space'::regnamespace) and c.relkind in ('r', 'p', 'S')
  and exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)$$, 'nobody but its owner has rights on a table or sequence');
select is_empty($$select c.oid::regclass, a.grantee, a.privilege_type from pg_class c, aclexplode(c.relacl) a
  where c.relnamespace in ('orrery'::regnamespace, 'space'::regnamespace) and c.relkind = 'v' and a.grantee <> c.relowner
    and (a.privilege_type <> 'SELECT' or a.grantee not in ('orrery_viewer'::regrole, 'orrery_admin'::regrole))$$, 'views are read, by those who may');
select is_empty($$select n.nspname, a.privilege_type from pg_namespace n, aclexplode(n.nspacl) a where n.nspname in ('orrery', 'space') and a.grantee = 0$$, 'PUBLIC has nothing in the schemas');
select is_empty($$select n.nspname, a.grantee::regrole from pg_namespace n, aclexplode(n.nspacl) a
  where n.nspname in ('orrery', 'space') and a.privilege_type = 'CREATE' and a.grantee <> n.nspowner$$, 'nobody else makes anything there');
-- Whole, where rows of what it refers to are deleted: each deletion looks for what refers to it.
select is_empty($$select conrelid::regclass || '.' || conname from pg_constraint k join ours c on c.oid = k.conrelid join pg_class r on r.oid = k.confrelid
  where k.contype = 'f' and k.conparentid = 0 and not exists (
    select from pg_index i where i.indrelid = k.conrelid and i.indisvalid
      and (string_to_array(i.indkey::text, ' ')::smallint[])[1:1] <@ k.conkey
      and (i.indpred is null or not exists (select from pg_proc p where p.pronamespace = c.relnamespace and p.prosrc ~ ('delete from orrery\."?' || r.relname || '\M'))))$$,
  'foreign keys are indexed');
select is_empty($$select conrelid::regclass || '.' || conname from pg_constraint k join ours c on c.oid = k.conrelid
  where conname ~ '(_check\d*|_not_null)$'$$, 'constraints have names that tell what they want');
-- What changes each second and does not survive a crash.
select set_eq($$select c.oid::regclass::text from pg_class c where c.relnamespace in ('orrery'::regnamespace, 'space'::regnamespace) and relpersistence = 'u' and relkind in ('r', 'S')$$,
  array['orrery.agent_heartbeat', 'orrery.tick_state', 'orrery.tick_seq'], 'what is not logged is meant so');
select * from finish();
rollback;

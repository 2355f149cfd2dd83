-- Catches a table that is open to another cluster, has no comment, or whose foreign keys make deletes slow.
begin;
select no_plan();
create temp view ours as
  select c.*, c.oid::regclass::text as name from pg_class c
  where c.relnamespace in ('orrery'::regnamespace, 'space'::regnamespace) and c.relkind in ('r', 'p');
select cmp_ok((select count(*) from ours), '>', 20::bigint, 'there are tables to look at');
select is_empty('select name from ours where not relrowsecurity or not relforcerowsecurity', 'row-level security is on and forced on each');
select is_empty('select name from ours c where (select count(*) from pg_policy y where y.polrelid = c.oid) <> 1', 'each has one policy');
select is_empty($$select name from ours c join pg_attribute a on a.attrelid = c.oid and a.attname = 'cluster' and not a.attisdropped
  join pg_policy y on y.polrelid = c.oid
  where c.relname <> 'cluster_login' and pg_get_expr(y.polqual, c.oid) not like '%login_cluster()%'$$, 'that compares the cluster where there is one');
select is_empty($$select name from ours c where not relispartition and obj_description(c.oid, 'pg_class') is null$$, 'each has a comment');
select is_empty($$select name from ours c where exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)$$, 'nobody but its owner has rights on it');
select is_empty($$select conrelid::regclass || '.' || conname from pg_constraint k join ours c on c.oid = k.conrelid
  where k.contype = 'f' and k.conparentid = 0 and not exists (
    select from pg_index i where i.indrelid = k.conrelid
      and (string_to_array(i.indkey::text, ' ')::smallint[])[1:1] <@ k.conkey)$$, 'foreign keys are indexed');
select is_empty($$select conrelid::regclass || '.' || conname from pg_constraint k join ours c on c.oid = k.conrelid
  where conname ~ '(_check\d*|_not_null)$'$$, 'constraints have names that tell what they want');
select * from finish();
rollback;

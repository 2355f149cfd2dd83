-- isolation_apply: put row-level security, forced, and its one policy on every table of a schema that has none yet.
-- A table with a cluster column shows and takes the rows of the login's cluster; where cluster may be null, those without
-- one too; a table without it shows all, since nobody but functions has rights on it.
-- Writes: catalog.   Locks: each such table, exclusively.   Runs as its caller, who must own the tables.
-- Called by: the installation, for orrery here and for space in space/; event_partitions, for new partitions.
create or replace function orrery.isolation_apply(p_schema text default 'orrery') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table record;
  v_rows text;
begin
  for v_table in
    select c.oid, format('%I.%I', n.nspname, c.relname) as name, a.attname is not null as has_cluster,
           coalesce(a.attnotnull, false) as cluster_not_null
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_attribute a
      on a.attrelid = c.oid and a.attname = 'cluster' and not a.attisdropped and c.relname <> 'cluster_login'
    where n.nspname = p_schema and c.relkind in ('r', 'p')
      and not (c.relrowsecurity and c.relforcerowsecurity
        and exists (select from pg_catalog.pg_policy y where y.polrelid = c.oid and y.polname = 'cluster_isolation'))
    order by c.oid
  loop
    v_rows := case
      when not v_table.has_cluster then 'true'
      when v_table.cluster_not_null then '(select orrery.login_cluster()) = any (array[cluster, ''*''])'
      else 'cluster is null or (select orrery.login_cluster()) = any (array[cluster, ''*''])'
    end;
    execute format('alter table %s enable row level security, force row level security', v_table.name);
    if not exists (select from pg_catalog.pg_policy y where y.polrelid = v_table.oid and y.polname = 'cluster_isolation') then
      execute format('create policy cluster_isolation on %s using (%s)', v_table.name, v_rows);
    end if;
  end loop;
end
$$;
comment on function orrery.isolation_apply(text) is 'Puts forced row-level security by cluster on every table of a schema.';
grant execute on function orrery.isolation_apply(text) to orrery_space_owner;

-- cluster_grant: which cluster a database login sees; * is every one. Replaces what it saw before.
-- Writes: cluster_login, event.   Locks: the login's row.
-- Errors: OR001 no such cluster or login, OR010 login of one cluster.   Called by: DBA, CLI.
create or replace function orrery.cluster_grant(p_cluster text, p_login name) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform orrery.login_everywhere('cluster_grant');
  if p_cluster is distinct from '*' then
    perform orrery.cluster_resolve(coalesce(p_cluster, ''));
  end if;
  if p_login is null or not exists (select from pg_roles r where r.rolname = p_login) then
    perform orrery.fail('OR001', format('no role named %L', p_login), null, format('CREATE ROLE %I LOGIN', coalesce(p_login, '…')));
  end if;
  insert into orrery.cluster_login (login, cluster) values (p_login, p_cluster)
  on conflict (login) do update set cluster = excluded.cluster;
  perform orrery.event_add(nullif(p_cluster, '*'), 'login', p_login, 'cluster_grant', format('%s sees %s', p_login, p_cluster));
end
$$;
comment on function orrery.cluster_grant(text, name) is 'Lets a database login see one cluster, or all (*).';
grant execute on function orrery.cluster_grant(text, name) to orrery_admin;

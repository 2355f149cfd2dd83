-- cluster_grant: which cluster a database login sees; * is every one. Replaces what it saw before.
-- Writes: cluster_login, agent_heartbeat.told_to, event.   Locks: the login's row, agent_heartbeat.
-- Errors: OR001 no such cluster or login; OR003 one that cannot log in, is a superuser (it sees all anyway), is the tick's, or
-- is the caller, who would lock himself out; OR010 login of one cluster.   Called by: DBA, CLI.
create or replace function orrery.cluster_grant(p_cluster text, p_login name) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role record;
begin
  perform orrery.login_everywhere('cluster_grant');
  if p_cluster is distinct from '*' then
    perform orrery.cluster_resolve(coalesce(p_cluster, ''));
  end if;
  select r.rolcanlogin, r.rolsuper into v_role from pg_roles r where r.rolname = p_login;
  if not found then
    perform orrery.fail('OR001', format('no role named %L', p_login), 'A login is made by CREATE ROLE first.',
      format('CREATE ROLE %I LOGIN', coalesce(p_login, '…')));
  end if;
  if not v_role.rolcanlogin or v_role.rolsuper or p_login = 'orrery_cron' or p_login = session_user and p_cluster <> '*' then
    perform orrery.fail('OR003', format('%s is not granted %s', p_login, p_cluster),
      case when not v_role.rolcanlogin then 'It is a group and cannot log in.'
        when v_role.rolsuper then 'It is a superuser and sees every cluster.'
        when p_login = 'orrery_cron' then 'It is the login of the tick and sees every cluster.'
        else 'You would lock yourself out of the others.' end,
      'Grant a cluster to the logins of its agents, servers and DBAs.');
  end if;
  insert into orrery.cluster_login (login, cluster) values (p_login, p_cluster)
  on conflict (login) do update set cluster = excluded.cluster where cluster_login.cluster <> excluded.cluster;
  if found then
    -- each agent's next heartbeat is judged by what its login sees now
    with told as (select b.agent_id from orrery.agent_heartbeat b where b.told_to is not null order by b.agent_id for no key update)
    update orrery.agent_heartbeat b set told_to = null from told t where b.agent_id = t.agent_id;
  end if;
  perform orrery.event_add(nullif(p_cluster, '*'), 'login', p_login, 'cluster_grant', format('%s sees %s', p_login, p_cluster));
end
$$;
comment on function orrery.cluster_grant(text, name) is 'Lets a database login see one cluster, or all (*).';
grant execute on function orrery.cluster_grant(text, name) to orrery_admin;

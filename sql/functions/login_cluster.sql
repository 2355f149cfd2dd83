-- login_cluster: the cluster whose rows the login of this connection may see; * is every one, null none.
-- Reads: cluster_login. A superuser counts as *, whatever it is mapped to.
-- Called by: every row-level security policy, once for each table of a statement. PL/pgSQL, since a function in SQL is parsed and planned anew
-- by each statement that calls it: ten times the cost.
create or replace function orrery.login_cluster() returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text;
begin
  -- as it acts now; one that has put on another role is told below
  if current_setting('is_superuser') = 'on' then
    return '*';
  end if;
  select l.cluster into v_cluster from orrery.cluster_login l where l.login = session_user;
  -- who acts as itself was looked at above
  if v_cluster = '*' or current_setting('role') = 'none' then
    return v_cluster;
  end if;
  if (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = session_user) then
    return '*';
  end if;
  return v_cluster;
end
$$;
comment on function orrery.login_cluster() is 'The cluster this login sees: its name, * for every one, null for none.';
grant execute on function orrery.login_cluster()
  to orrery_admin, orrery_viewer, orrery_agent, orrery_session, orrery_cron, orrery_space_owner;

insert into orrery.cluster_login (login, cluster) values ('orrery_cron', '*') on conflict (login) do nothing;

-- The policies name this function, so they come after it.
select orrery.isolation_apply('orrery');

-- login_everywhere: refuse a login that sees one cluster only, for verbs that concern all.
-- Writes: nothing.                          Locks: none.
-- Errors: OR010 login of one cluster or none.   Called by: every function that concerns all clusters.
create or replace function orrery.login_everywhere(p_verb text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if orrery.login_cluster() is distinct from '*' then
    perform orrery.fail('OR010', format('%s concerns every cluster', p_verb),
      format('Login %s sees %s.', session_user, coalesce('cluster ' || orrery.login_cluster(), 'no cluster')),
      format('A superuser may run: SELECT orrery.cluster_grant(''*'', %L)', session_user));
  end if;
end
$$;
comment on function orrery.login_everywhere(text) is 'Refuses a login that does not see every cluster.';

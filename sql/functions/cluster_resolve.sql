-- cluster_resolve: the cluster a verb is about: the named one, else the login's, else the setting orrery.cluster, else
-- the only one in question (those not stopped; with p_stopped those stopped).
-- Writes: nothing.   Locks: none.
-- Errors: OR001 unknown, OR005 several or none in question, OR010 another cluster's login.   Called by: every verb.
--   p_statement: format of the completed statement for the HINT, e.g. 'cluster_shutdown(300, %L)'.
create or replace function orrery.cluster_resolve(p_cluster text, p_statement text default null, p_stopped boolean default false)
returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_login      text := orrery.login_cluster();
  v_name       text;
  v_candidates text[];
begin
  if v_login is null then
    perform orrery.fail('OR010', format('login %s is granted to no cluster', session_user), null,
      format('A superuser may run: SELECT orrery.cluster_grant(''<cluster>'', %L)', session_user));
  end if;
  v_name := coalesce(p_cluster, nullif(v_login, '*'), nullif(current_setting('orrery.cluster', true), ''));
  if v_name is null then
    select array_agg(c.cluster order by c.cluster) into v_candidates
    from orrery.cluster c where (c.state = 'stopped') = p_stopped;
    if cardinality(v_candidates) = 1 then
      return v_candidates[1];
    end if;
    perform orrery.fail('OR005', 'which cluster?',
      case when v_candidates is null
        then format('No cluster is %s; there are: %s.', case when p_stopped then 'stopped' else 'started' end,
          coalesce((select string_agg(c.cluster, ', ' order by c.cluster) from orrery.cluster c), 'none'))
        else format('These are %s: %s.', case when p_stopped then 'stopped' else 'not stopped' end, array_to_string(v_candidates, ', ')) end,
      case when v_candidates is null
        then case when p_stopped then 'SELECT * FROM cluster_status' else 'SELECT cluster_start(''<cluster>'')' end
        else 'SELECT ' || format(coalesce(p_statement, '…(…, %L)'), v_candidates[1]) end);
  end if;
  if v_login <> '*' and v_name <> v_login then
    perform orrery.fail('OR010', format('login %s does not see cluster %L', session_user, left(v_name, 64)),
      format('It is granted to cluster %s.', v_login), null);
  end if;
  perform from orrery.cluster c where c.cluster = v_name;
  if not found then
    perform orrery.fail('OR001', format('no cluster named %L', left(v_name, 64)),
      format('There are: %s.', coalesce((select string_agg(c.cluster, ', ' order by c.cluster) from orrery.cluster c), 'none')),
      format('SELECT cluster_create(%L)', left(v_name, 64)));
  end if;
  return v_name;
end
$$;
comment on function orrery.cluster_resolve(text, text, boolean) is 'The cluster that a verb is about, by name, login, setting or as the only one.';
grant execute on function orrery.cluster_resolve(text, text, boolean) to orrery_space_owner, orrery_admin, orrery_viewer;

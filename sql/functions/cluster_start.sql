-- cluster_start: start a stopped cluster: its always-on servers are requested; it runs when they are ready.
-- Returns the event to watch, and says in words what starts.
-- Writes: cluster, server, placement, event; commands.   Locks: cluster, then those of server_request.
-- Errors: OR001 unknown, OR002 not stopped, OR005 several stopped and none named, OR010.   Called by: DBA, CLI.
create or replace function orrery.cluster_start(p_cluster text default null) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name    text := orrery.cluster_resolve(p_cluster, 'cluster_start(%L)', true);
  v_cluster orrery.cluster;
  v_kind    orrery.server_kind;
  v_kinds   text[] := '{}'::text[];
  v_event   bigint;
begin
  select * into v_cluster from orrery.cluster c where c.cluster = v_name for no key update;
  if v_cluster.state <> 'stopped' then
    perform orrery.fail('OR002', format('cluster %s is %s', v_name, replace(v_cluster.state, '_', ' ')),
      format('It has been since %s; only a stopped cluster is started. Nothing was changed.', to_char(v_cluster.state_at, 'YYYY-MM-DD HH24:MI:SS')),
      case v_cluster.state
        when 'shutting_down' then format('SELECT cluster_shutdown_cancel(%L)', v_name)
        when 'stopping' then 'Start it when it has stopped: SELECT * FROM cluster_status'
        else 'SELECT * FROM cluster_status' end);
  end if;
  update orrery.cluster c set state = 'starting', rule = 'cluster_start', reason = 'asked by ' || session_user where c.cluster = v_name;
  for v_kind in
    select * from orrery.server_kind k where k.cluster = v_name and k.always_on_key is not null order by k.kind
  loop
    perform orrery.server_request(v_kind.kind, v_kind.always_on_key, v_name);
    v_kinds := v_kinds || v_kind.kind;
  end loop;
  v_event := orrery.event_add(v_name, 'cluster', v_name, 'cluster_start', 'asked by ' || session_user);
  perform orrery.cluster_advance(v_name);
  raise notice '% starts: % requested%; watch: SELECT * FROM cluster_status', v_name,
    orrery.counted(cardinality(v_kinds), 'server'),
    case when v_kinds = '{}' then '' else format(' (%s)', array_to_string(v_kinds, ', ')) end;
  return v_event;
end
$$;
comment on function orrery.cluster_start(text) is 'Starts a stopped cluster; returns the event to watch.';
grant execute on function orrery.cluster_start(text) to orrery_admin;

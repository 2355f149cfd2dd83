-- cluster_shutdown_cancel: call off a shutdown whose deadline has not passed.
-- Writes: cluster, event.   Locks: cluster.
-- Errors: OR001 unknown, OR002 not shutting down, OR005 several and none named, OR010.   Called by: DBA, CLI.
create or replace function orrery.cluster_shutdown_cancel(p_cluster text default null) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name    text := orrery.cluster_resolve(p_cluster, 'cluster_shutdown_cancel(%L)');
  v_cluster orrery.cluster;
  v_event   bigint;
begin
  select * into v_cluster from orrery.cluster c where c.cluster = v_name for no key update;
  if v_cluster.state <> 'shutting_down' then
    perform orrery.fail('OR002', format('cluster %s is %s', v_name, replace(v_cluster.state, '_', ' ')), 'There is no shutdown to cancel.',
      case when v_cluster.state in ('stopping', 'stopped') then format('When it has stopped: SELECT cluster_start(%L)', v_name) end);
  end if;
  v_event := orrery.event_add(v_name, 'cluster', v_name, 'cluster_shutdown_cancel', format('%s goes on', v_name),
    jsonb_build_object('shutdown_at', v_cluster.shutdown_at, 'login', session_user));
  update orrery.cluster c
  set state = case when orrery.cluster_is_up(v_name) then 'running' else 'starting' end,
      rule = 'cluster_shutdown_cancel', reason = 'asked by ' || session_user, shutdown_at = null, notice_id = v_event
  where c.cluster = v_name;
  perform orrery.doorbell_ring(null);
  raise notice '% goes on', v_name;
  return v_event;
end
$$;
comment on function orrery.cluster_shutdown_cancel(text) is 'Calls off a shutdown; returns the event that players are shown.';
grant execute on function orrery.cluster_shutdown_cancel(text) to orrery_admin;

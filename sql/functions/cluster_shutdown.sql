-- cluster_shutdown: warn every player and stop a cluster in p_seconds. A second one replaces the deadline. Returns the
-- event that players are shown as notice, and says in words what stops and how to undo it.
-- Writes: cluster, event; what cluster_advance writes when the deadline is now.   Locks: cluster, then server.
-- Errors: OR001 unknown, OR002 stopped or stopping, OR003 null, negative or beyond shutdown_s_max, OR005 several and none named, OR010.
-- Called by: DBA, CLI.
create or replace function orrery.cluster_shutdown(p_seconds integer, p_cluster text default null) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_name    text;
  v_cluster orrery.cluster;
  v_at      timestamptz;
  v_words   text;
  v_event   bigint;
begin
  if p_seconds is null or p_seconds not between 0 and orrery.setting('shutdown_s_max') then
    perform orrery.fail('OR003', format('cannot shut down in %s seconds', coalesce(p_seconds::text, 'null')),
      format('Players are given 0 to %s seconds.', orrery.setting('shutdown_s_max')), 'SELECT cluster_shutdown(300)');
  end if;
  v_name := orrery.cluster_resolve(p_cluster, format('cluster_shutdown(%s, %%L)', p_seconds));
  select * into v_cluster from orrery.cluster c where c.cluster = v_name for no key update;
  if v_cluster.state in ('stopped', 'stopping') then
    perform orrery.fail('OR002', format('cluster %s is %s', v_name, v_cluster.state),
      format('It has been since %s.', to_char(v_cluster.state_at, 'YYYY-MM-DD HH24:MI:SS')),
      case v_cluster.state when 'stopped' then format('SELECT cluster_start(%L)', v_name) else 'SELECT * FROM server_status' end);
  end if;
  v_at := v_now + make_interval(secs => p_seconds);
  v_words := format('%s stops at %s: %s, %s', v_name, to_char(v_at, case when v_at::date = v_now::date then 'HH24:MI:SS' else 'YYYY-MM-DD HH24:MI:SS' end),
    orrery.counted((select count(*) from orrery.session s where s.cluster = v_name and s.state <> 'ended'), 'player'),
    orrery.counted((select count(*) from orrery.server s where s.cluster = v_name and s.state in ('requested', 'starting', 'ready', 'stopping')),
      'server'));
  v_event := orrery.event_add(v_name, 'cluster', v_name, 'cluster_shutdown', v_words,
    jsonb_build_object('seconds', p_seconds, 'shutdown_at', v_at, 'replaces', v_cluster.shutdown_at, 'login', session_user));
  update orrery.cluster c
  set state = 'shutting_down', rule = 'cluster_shutdown', reason = 'asked by ' || session_user, shutdown_at = v_at, notice_id = v_event
  where c.cluster = v_name;
  perform orrery.doorbell_ring(null);
  perform orrery.cluster_advance(v_name);
  raise notice '%', v_words || case when p_seconds > 0 then format('; undo: SELECT cluster_shutdown_cancel(%L)', v_name)
    else '; watch: SELECT * FROM server_status' end;
  return v_event;
end
$$;
comment on function orrery.cluster_shutdown(integer, text) is 'Warns every player and stops a cluster in so many seconds; returns the event to watch.';
grant execute on function orrery.cluster_shutdown(integer, text) to orrery_admin;

-- cluster_advance: move a cluster on as far as it can go: starting → running when its always-on servers are ready,
-- shutting_down → stopping at the deadline, stopping → stopped when no server is left. A server that stops logs its
-- players out and saves them; sessions that no living server holds are ended here.
-- Writes: cluster, server, placement, port, command, session, event.   Locks: cluster, then server, then session: who holds
-- servers or sessions calls it for a cluster that starts only.
-- Errors: none.   Called by: cluster_start, cluster_shutdown, server_ready, tick_clusters.
create or replace function orrery.cluster_advance(p_cluster text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := orrery.clock();
  v_cluster orrery.cluster;
  v_server  bigint;
  v_last    boolean;
begin
  select * into v_cluster from orrery.cluster c where c.cluster = p_cluster for no key update;
  if v_cluster.state = 'starting' and orrery.cluster_is_up(p_cluster) then
    update orrery.cluster c set state = 'running', rule = 'cluster_advance', reason = 'its always-on servers are ready'
    where c.cluster = p_cluster;
  elsif v_cluster.state = 'shutting_down' and v_cluster.shutdown_at <= v_now then
    update orrery.cluster c set state = 'stopping', rule = 'cluster_advance', reason = 'its deadline has passed'
    where c.cluster = p_cluster
    returning * into v_cluster;
    for v_server in
      select s.server_id from orrery.server s
      where s.cluster = p_cluster and s.state in ('requested', 'starting', 'ready', 'failed')
      order by s.server_id
    loop
      perform orrery.server_stop_now(v_server, 'its cluster is shut down', 'cluster_shutdown');
    end loop;
  end if;
  if v_cluster.state <> 'stopping' then
    return;
  end if;
  v_last := not exists (select from orrery.server s where s.cluster = p_cluster and s.state not in ('stopped', 'failed'));
  if v_last then
    for v_server in
      select s.server_id from orrery.server s where s.cluster = p_cluster and s.state = 'failed' order by s.server_id
    loop
      perform orrery.server_stop_now(v_server, 'its cluster is shut down', 'cluster_shutdown');
    end loop;
  end if;
  perform orrery.session_end_where_dead(p_cluster, 'cluster_shutdown', 'shutdown');
  if v_last then
    with open as (
      select c.command_id from orrery.command c
      where c.cluster = p_cluster and c.state in ('pending', 'claimed')
      order by c.command_id for no key update
    )
    update orrery.command c set state = 'void', rule = 'cluster_shutdown', reason = 'its cluster has stopped'
    from open o where c.command_id = o.command_id;
    update orrery.cluster c set state = 'stopped', rule = 'cluster_advance', reason = 'no server is left', shutdown_at = null
    where c.cluster = p_cluster;
  end if;
end
$$;
comment on function orrery.cluster_advance(text) is 'Moves a cluster to its next state when what that needs is there.';

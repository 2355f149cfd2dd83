-- cluster_create: make a cluster, stopped, with its secrets, its login and chat kinds and what the games' hooks add.
-- Writes: cluster, cluster_secret, cluster_key, server_kind, event; what hooks write.   Locks: its own, advisory.
-- Errors: OR003 bad name, OR008 exists, OR010 login of one cluster.        Called by: DBA, CLI.
create or replace function orrery.cluster_create(p_cluster text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_port integer;
  v_now  timestamptz := orrery.clock();
begin
  perform orrery.login_everywhere('cluster_create');
  if p_cluster is null or p_cluster !~ '^[a-z][a-z0-9_-]{0,31}$' then
    perform orrery.fail('OR003', format('%L cannot name a cluster', p_cluster),
      'A name has 1 to 32 of a-z, 0-9, _ and -, and begins with a letter.', null);
  end if;
  -- two at once must not choose the same port
  perform pg_advisory_xact_lock(hashtextextended('orrery.cluster_create', 0));
  -- ten ports apart, so that fixed ports of a cluster's kinds have room
  select min(7777 + 10 * n) into v_port from generate_series(0, 5000) n
  where not exists (select from orrery.cluster c where c.login_port = 7777 + 10 * n);
  insert into orrery.cluster (cluster, state_at, created_at, login_port) values (p_cluster, v_now, v_now, v_port)
  on conflict (cluster) do nothing;
  if not found then
    perform orrery.fail('OR008', format('cluster %s exists', p_cluster), null, format('SELECT cluster_start(%L)', p_cluster));
  end if;
  insert into orrery.cluster_secret (cluster, link_secret) values (p_cluster, orrery.random_bytes(32));
  perform orrery.cluster_key_add(p_cluster);
  perform orrery.server_kind_set('login', jsonb_build_object('role', 'login', 'command', 'orrery-sessiond',
    'args', jsonb_build_array('--role', 'login'), 'always_on_key', 'main', 'public_port', v_port,
    'memory_bytes', 268435456, 'sessions_max', 10000), p_cluster);
  perform orrery.server_kind_set('chat', jsonb_build_object('role', 'chat', 'command', 'orrery-sessiond',
    'args', jsonb_build_array('--role', 'chat'), 'always_on_key', 'main', 'public_port', v_port + 1,
    'sessions_max', 10000), p_cluster);
  perform orrery.hook_run('cluster_created', p_cluster);
  raise notice '% is made, login on UDP port %; start it: SELECT cluster_start(%)', p_cluster, v_port, quote_literal(p_cluster);
end
$$;
comment on function orrery.cluster_create(text) is 'Makes a cluster, stopped, with its login and chat servers'' kinds.';
grant execute on function orrery.cluster_create(text) to orrery_admin;

-- server_kind_set: say what can be started in a cluster; columns of server_kind that p_spec leaves out keep what they
-- have, or their default. What changes nothing is no new version.
-- p_spec: {"role","command","args":[],"env":{},"idle_stop_ms":…,"limits":{},"world_function":"schema.function",…}
-- Writes: server_kind, policy_hung, event.   Locks: cluster, so that of two at once none undoes the other and each is a version.
-- Errors: OR003 null, no name, a value that does not fit; those of server_kind_with and cluster_resolve.
-- Called by: cluster_create; games' hook cluster_created; DBA, CLI.
create or replace function orrery.server_kind_set(p_kind text, p_spec jsonb, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text;
  v_old orrery.server_kind;
  v_kind orrery.server_kind;
  v_message text;
begin
  v_cluster := orrery.cluster_resolve(p_cluster, replace(format('server_kind_set(%L, %L', p_kind, p_spec), '%', '%%') || ', %L)');
  if p_kind is null or p_spec is null or jsonb_typeof(p_spec) <> 'object' then
    perform orrery.fail('OR003', 'a kind needs a name and a specification', format('Got %L, %L.', p_kind, p_spec),
      'SELECT server_kind_set(''grid'', ''{"role":"zone","command":"orrery-sessiond"}'');');
  elsif p_kind !~ '^[a-z][a-z0-9_-]{0,31}$' then
    perform orrery.fail('OR003', format('a kind cannot be named %L', left(p_kind, 64)), 'A name is 1 to 32 of a-z 0-9 _ -, a letter first.', null);
  end if;
  perform from orrery.cluster c where c.cluster = v_cluster for no key update;
  select * into v_old from orrery.server_kind k where k.cluster = v_cluster and k.kind = p_kind;
  v_kind := v_old;
  v_kind.cluster := v_cluster;
  v_kind.kind := p_kind;
  v_kind := orrery.server_kind_with(v_kind, p_spec);
  if p_spec ? 'placement_function' then
    delete from orrery.policy_hung h where h.policy = v_kind.placement_function;
  end if;
  if v_old.kind is not null and v_kind = v_old then
    return;
  end if;
  v_kind.version := coalesce(v_old.version, 0) + 1;
  begin
    insert into orrery.server_kind select v_kind.*
    on conflict (cluster, kind) do update
    set role = excluded.role, command = excluded.command, args = excluded.args, env = excluded.env, always_on_key =
        excluded.always_on_key, public_port = excluded.public_port, cpu_millis = excluded.cpu_millis, memory_bytes =
        excluded.memory_bytes, sessions_max = excluded.sessions_max, ready_deadline_ms = excluded.ready_deadline_ms, stop_grace_ms
        = excluded.stop_grace_ms, start_attempts_max = excluded.start_attempts_max, idle_stop_ms = excluded.idle_stop_ms,
        on_isolation = excluded.on_isolation, limits = excluded.limits, log_bytes_max = excluded.log_bytes_max, log_files =
        excluded.log_files, watchdog_ms = excluded.watchdog_ms, world_function = excluded.world_function, ports = excluded.ports,
        ready_by = excluded.ready_by, ready_pattern = excluded.ready_pattern, stop_signal = excluded.stop_signal, agent_labels =
        excluded.agent_labels, apart = excluded.apart, placement_function = excluded.placement_function, counters = excluded.counters, version = excluded.version;
  exception when integrity_constraint_violation or data_exception then
    get stacked diagnostics v_message = message_text;
    perform orrery.fail('OR003', format('kind %s cannot be so', p_kind), v_message, 'See the comments of table orrery.server_kind.');
  end;
  perform orrery.event_add(v_cluster, 'server_kind', p_kind, 'server_kind_set', format('kind %s of %s', p_kind, v_cluster), p_spec);
end
$$;
comment on function orrery.server_kind_set(text, jsonb, text) is 'Says what can be started in a cluster.';
grant execute on function orrery.server_kind_set(text, jsonb, text) to orrery_admin, orrery_space_owner;

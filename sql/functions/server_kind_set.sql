-- server_kind_set: say what can be started in a cluster; columns of server_kind that p_spec leaves out keep what they
-- have, or their default.
-- p_spec: {"role","command","args":[],"env":{},"idle_stop_ms":…,"limits":{},"world_function":"schema.function",…}
-- Writes: server_kind, event.
-- Errors: those of handler_check for world_function; OR010 a new world_function named by a login of one cluster, since the
-- tick calls it with a view of all; OR003 null, unknown member, a value that does not fit; those of cluster_resolve.
-- Called by: cluster_create; games' hook cluster_created; DBA.
create or replace function orrery.server_kind_set(p_kind text, p_spec jsonb, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- What a kind has that its spec does not say; the defaults of the table.
  c_defaults constant jsonb := '{"args":[],"env":{},"cpu_millis":100,"memory_bytes":67108864,"sessions_max":1000,
    "ready_deadline_ms":10000,"stop_grace_ms":5000,"start_attempts_max":5,"on_isolation":"stop",
    "limits":{},"log_bytes_max":16777216,"log_files":3}'::jsonb;
  -- as JSON: a heartbeat hands out up to commands_per_heartbeat starts, and execve takes no argument of more than 128 KiB
  c_arguments_max constant integer := 65536;
  c_limits constant text[] := array['nofile', 'nproc', 'address_space_bytes', 'file_size_bytes', 'core_bytes', 'cpu_s'];
  v_cluster text;
  v_unknown text;
  v_old jsonb;
  v_kind orrery.server_kind;
  v_message text;
begin
  v_cluster := orrery.cluster_resolve(p_cluster, replace(format('server_kind_set(%L, %L', p_kind, p_spec), '%', '%%') || ', %L)');
  if p_kind is null or p_spec is null or jsonb_typeof(p_spec) <> 'object' then
    perform orrery.fail('OR003', 'a kind needs a name and a specification', format('Got %L, %L.', p_kind, p_spec),
      'SELECT server_kind_set(''grid'', ''{"role":"zone","command":"orrery-sessiond"}'');');
  end if;
  select string_agg(k, ', ') into v_unknown
  from jsonb_object_keys(p_spec) k
  where k in ('cluster', 'kind') or not exists (
    select from pg_catalog.pg_attribute a where a.attrelid = 'orrery.server_kind'::regclass and a.attname = k and a.attnum > 0);
  if v_unknown is not null then
    perform orrery.fail('OR003', format('a kind has no %s', v_unknown), 'Members are the columns of server_kind but its key.',
      'See the comments of table orrery.server_kind.');
  end if;
  if p_spec ? 'limits' and jsonb_typeof(p_spec -> 'limits') <> 'object' then
    v_message := 'limits is an object.';
  elsif p_spec ? 'limits' then
    select string_agg(format('%s %s', l.key, left(l.value::text, 40)), ', ' order by l.key) into v_message
    from jsonb_each(p_spec -> 'limits') l
    where l.key <> all (c_limits) or jsonb_typeof(l.value) <> 'number' or l.value::text !~ '^[0-9]{1,18}$';
  end if;
  if v_message is not null then
    perform orrery.fail('OR003', format('kind %s cannot have such limits', p_kind), v_message,
      format('Each is one of %s with a non-negative integer.', array_to_string(c_limits, ', ')));
  end if;
  if p_spec ? 'command' and (jsonb_typeof(p_spec -> 'command') <> 'string' or length(p_spec ->> 'command') not between 1 and 4096
      or p_spec ->> 'command' ~ '[[:cntrl:]]') then
    perform orrery.fail('OR003', format('kind %s cannot have such a command', left(p_kind, 64)), format('Got %s.', left(p_spec ->> 'command', 200)),
      'It is the file name or path of an executable.');
  end if;
  if p_spec ? 'args' and (jsonb_typeof(p_spec -> 'args') <> 'array'
      or jsonb_path_exists(p_spec, 'strict $.args[*] ? (@.type() <> "string")', '{}', true)) then
    v_message := 'args is an array of texts.';
  elsif p_spec ? 'env' and (jsonb_typeof(p_spec -> 'env') <> 'object' or p_spec -> 'env' ? ''
      or jsonb_path_exists(p_spec, 'strict $.env.* ? (@.type() <> "string")', '{}', true)) then
    v_message := 'env is an object of texts, by names that are not empty.';
  elsif octet_length((p_spec -> 'args')::text) + coalesce(octet_length((p_spec -> 'env')::text), 0) > c_arguments_max
      or octet_length((p_spec -> 'env')::text) > c_arguments_max then
    v_message := format('args and env have %s bytes at most together: each start carries them.', c_arguments_max);
  elsif length(p_spec ->> 'always_on_key') not between 1 and 200 or p_spec ->> 'always_on_key' ~ '[[:cntrl:]]' then
    v_message := 'always_on_key has 1 to 200 characters, none of them a control character.';
  end if;
  if v_message is not null then
    perform orrery.fail('OR003', format('kind %s cannot be so', left(p_kind, 64)), v_message, 'See the comments of table orrery.server_kind.');
  end if;
  select to_jsonb(k) into v_old from orrery.server_kind k where k.cluster = v_cluster and k.kind = p_kind;
  if p_spec ->> 'world_function' is distinct from v_old ->> 'world_function' and p_spec ->> 'world_function' is not null then
    perform orrery.login_everywhere('naming a world_function');
    perform orrery.handler_check(p_spec ->> 'world_function', '(text, text, text)');
  end if;
  begin
    v_kind := jsonb_populate_record(null::orrery.server_kind,
      c_defaults || coalesce(v_old, '{}') || p_spec || jsonb_build_object('cluster', v_cluster, 'kind', p_kind));
    insert into orrery.server_kind select v_kind.*
    on conflict (cluster, kind) do update
    set role = excluded.role, command = excluded.command, args = excluded.args, env = excluded.env,
        always_on_key = excluded.always_on_key, public_port = excluded.public_port, cpu_millis = excluded.cpu_millis,
        memory_bytes = excluded.memory_bytes, sessions_max = excluded.sessions_max,
        ready_deadline_ms = excluded.ready_deadline_ms, stop_grace_ms = excluded.stop_grace_ms,
        start_attempts_max = excluded.start_attempts_max, idle_stop_ms = excluded.idle_stop_ms,
        on_isolation = excluded.on_isolation, limits = excluded.limits, log_bytes_max = excluded.log_bytes_max,
        log_files = excluded.log_files, watchdog_ms = excluded.watchdog_ms, world_function = excluded.world_function;
  exception when integrity_constraint_violation or data_exception then
    get stacked diagnostics v_message = message_text;
    perform orrery.fail('OR003', format('kind %s cannot be so', p_kind), v_message, 'See the comments of table orrery.server_kind.');
  end;
  perform orrery.event_add(v_cluster, 'server_kind', p_kind, 'server_kind_set', format('kind %s of %s', p_kind, v_cluster), p_spec);
end
$$;
comment on function orrery.server_kind_set(text, jsonb, text) is 'Says what can be started in a cluster.';
grant execute on function orrery.server_kind_set(text, jsonb, text) to orrery_admin, orrery_space_owner;

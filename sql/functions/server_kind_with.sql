-- server_kind_with: a kind as it would be with a specification: what that leaves out stays, or has its default when the kind is new
-- (role null). What a port leaves out has its default as well.
-- Writes: nothing.   Locks: none.
-- Errors: OR003 unknown member, a value that does not fit; those of handler_check; OR010 a new world_function or placement_function
-- named by a login of one cluster, since the tick calls it with a view of all.   Called by: server_kind_set, placement_explain.
create or replace function orrery.server_kind_with(p_kind orrery.server_kind, p_spec jsonb) returns orrery.server_kind
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- What a kind has that its spec does not say; the defaults of the table.
  c_defaults constant jsonb := '{"role":"other","args":[],"env":{},"cpu_millis":100,"memory_bytes":67108864,"sessions_max":1000,
    "ready_deadline_ms":10000,"stop_grace_ms":5000,"start_attempts_max":5,"on_isolation":"stop",
    "limits":{},"log_bytes_max":16777216,"log_files":3,"version":1,"counters":{},"ready_by":"notify","stop_signal":"TERM","agent_labels":{},
    "placement_function":"orrery.placement_spread",
    "ports":[{"name":"public","protocol":"udp","count":1},{"name":"private","protocol":"udp","count":1}]}'::jsonb;
  -- as JSON: a heartbeat hands out up to commands_per_heartbeat starts, and execve takes no argument of more than 128 KiB
  c_arguments_max constant integer := 65536;
  c_limits constant text[] := array['nofile', 'nproc', 'address_space_bytes', 'file_size_bytes', 'core_bytes', 'cpu_s'];
  v_name text := p_kind.kind;
  v_unknown text;
  v_ports jsonb := '[]'::jsonb;
  v_message text;
  v_kind orrery.server_kind;
begin
  if p_spec is null or jsonb_typeof(p_spec) <> 'object' then
    perform orrery.fail('OR003', format('kind %s: a specification is an object', left(v_name, 64)), format('Got %s.', left(p_spec::text, 200)),
      'See the comments of table orrery.server_kind.');
  end if;
  select string_agg(k, ', ') into v_unknown
  from jsonb_object_keys(p_spec) k
  where k in ('cluster', 'kind', 'version') or not exists (
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
    perform orrery.fail('OR003', format('kind %s cannot have such limits', left(v_name, 64)), v_message,
      format('Each is one of %s with a non-negative integer.', array_to_string(c_limits, ', ')));
  end if;
  if p_spec ? 'command' and (jsonb_typeof(p_spec -> 'command') <> 'string' or length(p_spec ->> 'command') not between 1 and 4096
      or p_spec ->> 'command' ~ '[[:cntrl:]]') then
    perform orrery.fail('OR003', format('kind %s cannot have such a command', left(v_name, 64)), format('Got %s.', left(p_spec ->> 'command', 200)),
      'It is the file name or path of an executable.');
  end if;
  if p_spec ? 'args' and (jsonb_typeof(p_spec -> 'args') <> 'array'
      or jsonb_path_exists(p_spec, 'strict $.args[*] ? (@.type() <> "string")', '{}', true)) then
    v_message := 'args is an array of texts.';
  elsif p_spec ? 'env' and orrery.env_fault(p_spec -> 'env') is not null then
    v_message := orrery.env_fault(p_spec -> 'env');
  elsif octet_length((p_spec -> 'args')::text) + coalesce(octet_length((p_spec -> 'env')::text), 0) > c_arguments_max
      or octet_length((p_spec -> 'env')::text) > c_arguments_max then
    v_message := format('args and env have %s bytes at most together: each start carries them.', c_arguments_max);
  elsif length(p_spec ->> 'always_on_key') not between 1 and 200 or p_spec ->> 'always_on_key' ~ '[[:cntrl:]]' then
    v_message := 'always_on_key has 1 to 200 characters, none of them a control character.';
  end if;
  if p_spec ? 'agent_labels' and orrery.labels_fault(p_spec -> 'agent_labels') is not null then
    v_message := 'agent_labels: ' || orrery.labels_fault(p_spec -> 'agent_labels');
  elsif p_spec ? 'counters' and orrery.counters_fault(p_spec -> 'counters') is not null then
    v_message := 'counters: ' || orrery.counters_fault(p_spec -> 'counters');
  elsif p_spec ? 'apart' and p_spec ->> 'apart' !~ '^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$' then
    v_message := 'apart is the name of a label, or agent.';
  elsif p_spec -> 'ready_pattern' <> 'null' and orrery.ready_pattern_fault(p_spec -> 'ready_pattern') is not null then
    v_message := orrery.ready_pattern_fault(p_spec -> 'ready_pattern');
  end if;
  if v_message is not null then
    perform orrery.fail('OR003', format('kind %s cannot be so', left(v_name, 64)), v_message, 'See the comments of table orrery.server_kind.');
  end if;
  if p_spec ? 'ports' then
    v_ports := orrery.server_kind_ports(v_name, p_spec -> 'ports');
  end if;
  begin
    v_kind := jsonb_populate_record(null::orrery.server_kind,
      c_defaults || case when p_kind.role is null then '{}' else to_jsonb(p_kind) end || p_spec
      || case when p_spec ? 'ports' then jsonb_build_object('ports', v_ports) else '{}' end
      || jsonb_build_object('cluster', p_kind.cluster, 'kind', v_name));
  exception when data_exception then
    get stacked diagnostics v_message = message_text;
    perform orrery.fail('OR003', format('kind %s cannot be so', left(v_name, 64)), v_message, 'See the comments of table orrery.server_kind.');
  end;
  if v_kind.world_function is distinct from p_kind.world_function and v_kind.world_function is not null then
    perform orrery.login_everywhere('naming a world_function');
    perform orrery.handler_check(v_kind.world_function, '(text, text, text)');
  end if;
  if v_kind.placement_function is distinct from p_kind.placement_function
      and v_kind.placement_function not in ('orrery.placement_spread', 'orrery.placement_packed') then
    perform orrery.login_everywhere('naming a placement_function');
    perform orrery.handler_check(v_kind.placement_function, '(jsonb, jsonb)');
  end if;
  if v_kind.role in ('login', 'chat', 'zone') and not (v_kind.ports -> 0 @> '{"protocol":"udp"}' and v_kind.ports @> '[{"name":"private","protocol":"udp"}]') then
    perform orrery.fail('OR003', format('kind %s cannot have such ports', left(v_name, 64)), format('A %s server talks UDP to clients and to other servers.', v_kind.role),
      'Leave ports away, or name a public UDP port first and one that is private.');
  end if;
  if v_kind.public_port::bigint + (v_kind.ports -> 0 ->> 'count')::integer - 1 > 65535 then
    perform orrery.fail('OR003', format('kind %s cannot have such ports', left(v_name, 64)),
      format('%s from %s on go beyond 65535.', v_kind.ports -> 0 ->> 'count', v_kind.public_port), null);
  end if;
  perform orrery.server_kind_fill(v_kind, null);
  return v_kind;
end
$$;
comment on function orrery.server_kind_with(orrery.server_kind, jsonb) is 'A kind as it would be with a specification.';

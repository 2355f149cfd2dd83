-- fleet_set: say what a fleet is; members that p_spec leaves out keep what they have, or their default. What it changes is carried out at
-- once, without cool-down.
-- p_spec: {"kind","policy":"orrery.fleet_fixed","policy_args":{"size":3},"size_min","size_max","cooldown_ms","surge","unavailable_max"};
-- the kind of a fleet stays.
-- Writes: fleet, policy_hung, event.   Locks: cluster, fleet.
-- Errors: OR001 unknown kind, OR003 null, no name, unknown member, a value that does not fit; OR010 a policy of a game named by a login of one
-- cluster; those of cluster_resolve and handler_check.   Called by: DBA, CLI.
create or replace function orrery.fleet_set(p_fleet text, p_spec jsonb, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_members  constant text[] := array['kind', 'policy', 'policy_args', 'size_min', 'size_max', 'cooldown_ms', 'surge', 'unavailable_max'];
  c_defaults constant jsonb := '{"policy":"orrery.fleet_fixed","policy_args":{},"size_min":0,"size_max":100,"cooldown_ms":60000,"surge":1,
    "unavailable_max":0,"size":0}'::jsonb;
  c_args     constant jsonb := '{"orrery.fleet_fixed":["size"],"orrery.fleet_buffer":["buffer","buffer_percent"]}'::jsonb;
  v_cluster text;
  v_old     orrery.fleet;
  v_fleet   orrery.fleet;
  v_asked   record;
  v_message text;
begin
  v_cluster := orrery.cluster_resolve(p_cluster, replace(format('fleet_set(%L, %L', p_fleet, p_spec), '%', '%%') || ', %L)');
  if p_fleet is null or p_spec is null or jsonb_typeof(p_spec) <> 'object' then
    perform orrery.fail('OR003', 'a fleet needs a name and a specification', format('Got %L, %L.', left(p_fleet, 64), left(p_spec::text, 200)),
      'SELECT fleet_set(''arenas'', ''{"kind":"arena","policy_args":{"size":3}}'');');
  elsif p_fleet !~ '^[a-z][a-z0-9_-]{0,31}$' then
    perform orrery.fail('OR003', format('a fleet cannot be named %L', left(p_fleet, 64)), 'A name is 1 to 32 of a-z 0-9 _ -, a letter first.', null);
  end if;
  v_message := (select string_agg(k, ', ') from jsonb_object_keys(p_spec) k where k <> all (c_members));
  if v_message is not null then
    perform orrery.fail('OR003', format('a fleet has no %s', left(v_message, 200)), format('It has %s.', array_to_string(c_members, ', ')), null);
  end if;
  perform from orrery.cluster c where c.cluster = v_cluster for no key update;
  select * into v_old from orrery.fleet f where f.cluster = v_cluster and f.fleet = p_fleet for no key update;
  if v_old.kind <> p_spec ->> 'kind' then
    perform orrery.fail('OR003', format('fleet %s is of kind %s', p_fleet, v_old.kind), 'The kind of a fleet stays; what the kind is may change.',
      format('Make another fleet; SELECT fleet_drop(%L)', p_fleet));
  elsif not exists (select from orrery.server_kind k where k.cluster = v_cluster and k.kind = coalesce(v_old.kind, p_spec ->> 'kind')) then
    perform orrery.fail('OR001', format('cluster %s has no kind of server named %L', v_cluster, left(p_spec ->> 'kind', 64)),
      format('It has: %s.', (select string_agg(k.kind, ', ' order by k.kind) from orrery.server_kind k where k.cluster = v_cluster)), null);
  end if;
  begin
    v_fleet := jsonb_populate_record(null::orrery.fleet, c_defaults || case when v_old.fleet is null then '{}' else to_jsonb(v_old) end || p_spec
      || jsonb_build_object('cluster', v_cluster, 'fleet', p_fleet, 'created_at', coalesce(v_old.created_at, orrery.clock())));
  exception when data_exception then
    get stacked diagnostics v_message = message_text;
    perform orrery.fail('OR003', format('fleet %s cannot be so', left(p_fleet, 64)), v_message, 'See the comments of table orrery.fleet.');
  end;
  if v_fleet.policy is distinct from v_old.policy and v_fleet.policy not in ('orrery.fleet_fixed', 'orrery.fleet_buffer') then
    perform orrery.login_everywhere('naming a policy');
    perform orrery.handler_check(v_fleet.policy, '(jsonb)');
  end if;
  if jsonb_typeof(v_fleet.policy_args) is distinct from 'object' or octet_length(v_fleet.policy_args::text) > 65536 then
    v_message := 'policy_args is an object of at most 64 KiB.';
  elsif c_args ? v_fleet.policy then
    v_message := (
      select format('%s has no argument %s.', v_fleet.policy, left(string_agg(k, ', '), 100)) from jsonb_object_keys(v_fleet.policy_args) k
      where not c_args -> v_fleet.policy ? k and (p_spec ? 'policy' or p_spec ? 'policy_args') having count(*) > 0);
    select * into v_asked from orrery.fleet_size(v_fleet, orrery.fleet_counts(v_fleet));
    v_message := coalesce(v_message, v_asked.fault);
  end if;
  if v_message is not null then
    perform orrery.fail('OR003', format('fleet %s cannot be so', left(p_fleet, 64)), v_message,
      'orrery.fleet_fixed takes {"size":3}; orrery.fleet_buffer {"buffer":5} or {"buffer_percent":20} or both.');
  end if;
  if p_spec ? 'policy' then
    delete from orrery.policy_hung h where h.policy = v_fleet.policy;
  end if;
  v_fleet.fault := null;
  v_fleet.fault_at := null;
  v_fleet.over_since := '-infinity';
  begin
    insert into orrery.fleet select v_fleet.*
    on conflict (cluster, fleet) do update
    set policy = excluded.policy, policy_args = excluded.policy_args, size_min = excluded.size_min, size_max = excluded.size_max,
        cooldown_ms = excluded.cooldown_ms, surge = excluded.surge, unavailable_max = excluded.unavailable_max,
        fault = null, fault_at = null, over_since = excluded.over_since;
  exception when integrity_constraint_violation then
    get stacked diagnostics v_message = message_text;
    perform orrery.fail('OR003', format('fleet %s cannot be so', left(p_fleet, 64)), v_message, 'See the comments of table orrery.fleet.');
  end;
  perform orrery.event_add(v_cluster, 'fleet', p_fleet, 'fleet_set', format('fleet %s of %s', p_fleet, v_cluster), p_spec);
end
$$;
comment on function orrery.fleet_set(text, jsonb, text) is 'Says what a fleet is.';
grant execute on function orrery.fleet_set(text, jsonb, text) to orrery_admin, orrery_space_owner;

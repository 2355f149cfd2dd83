-- Catches an agent that registers for clusters its login does not see: servers of those would be placed on it.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create(c) from unnest(array['t', 'u']) c;
create role orrery_test_t login in role orrery_agent;
create role orrery_test_all login in role orrery_agent;
create role orrery_test_none login in role orrery_agent;
select orrery.cluster_grant('t', 'orrery_test_t'), orrery.cluster_grant('*', 'orrery_test_all');
create function pg_temp.registers(p_login name, p_clusters jsonb) returns text language sql as $$
  select orrery_test.as_login(p_login, format('select ''registered'' from orrery.agent_register(%L, encode(sha256(%1$L), ''hex''), %L)', p_login || '-' || md5(p_clusters::text), jsonb_build_object(
    'host', 'h', 'boot_id', 'boot-1', 'version', '0', 'cpus', 1, 'memory_bytes', 1, 'public_address', 'p', 'private_address', 'p', 'private_port', 1,
    'port_min', 1, 'port_max', 2, 'clusters', p_clusters)))
$$;
select is(pg_temp.registers('orrery_test_t', '["t"]'), 'registered', 'for the cluster of its login');
select is(pg_temp.registers('orrery_test_t', c), 'OR010', 'not for ' || c::text) from unnest(array['["u"]', '["t","u"]', '[]', '["t","t"]']::jsonb[]) c;
select is(pg_temp.registers('orrery_test_all', c), 'registered', 'a login of all for ' || c::text) from unnest(array['["u"]', '["t","u"]', '["t"]']::jsonb[]) c;
select is(pg_temp.registers('orrery_test_none', c), 'OR010', 'a login of none not for ' || c::text) from unnest(array['["t"]', '[]']::jsonb[]) c;
select * from finish();
rollback;

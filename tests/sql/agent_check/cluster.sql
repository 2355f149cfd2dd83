-- Catches a login of one cluster that speaks for another cluster's agent, though it holds its token, identity or name.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create(c) from unnest(array['t', 'u']) c;
create role orrery_test_t login in role orrery_agent, orrery_admin;
create role orrery_test_all login in role orrery_agent;
create role orrery_test_none login in role orrery_agent;
select orrery.cluster_grant('t', 'orrery_test_t'), orrery.cluster_grant('*', 'orrery_test_all');
select a.name, orrery_test.agent_up(a.name, jsonb_build_object('clusters', a.clusters)) as up into temp agents
from (values ('agent-t', '["t"]'::jsonb), ('agent-u', '["u"]'), ('agent-tu', '["t","u"]')) a(name, clusters);
create function pg_temp.beat(p_login name, p_agent text) returns text language sql as $$
  select orrery_test.as_login(p_login, format('select ''answered'' from orrery.agent_heartbeat(%s, %L, ''{}'', ''0'')', a.up ->> 'agent_id', a.up ->> 'token'))
  from agents a where a.name = p_agent
$$;
select is(pg_temp.beat('orrery_test_t', 'agent-t'), 'answered', 'its own');
select is(pg_temp.beat('orrery_test_t', 'agent-u'), 'OR010', 'another cluster''s');
select is(pg_temp.beat('orrery_test_t', 'agent-tu'), 'OR010', 'one of several clusters');
select is(pg_temp.beat('orrery_test_none', 'agent-t'), 'OR010', 'a login of none');
select is(pg_temp.beat('orrery_test_all', a), 'answered', 'a login of all: ' || a) from unnest(array['agent-t', 'agent-u', 'agent-tu']) a;
select is(orrery_test.as_login('orrery_test_t', format('select orrery.agent_register(''agent-u'', encode(sha256(''agent-u''), ''hex''), %L)', jsonb_build_object(
  'host', 'h', 'boot_id', 'boot-1', 'version', '0', 'cpus', 1, 'memory_bytes', 1, 'public_address', 'p', 'private_address', 'p', 'private_port', 1,
  'port_min', 1, 'port_max', 2, 'clusters', '["t"]'::jsonb))), 'OR010', 'a name held in another cluster is not taken, with its identity neither');
select is(orrery_test.as_login('orrery_test_t', 'select string_agg(name || clusters::text, '' '' order by name) from orrery.agent_status where name like ''agent-%'''),
  'agent-t{t} agent-tu{t}', 'shown are agents that hold a credential of the cluster, and no other cluster''s name');
select is(orrery_test.as_login('orrery_test_t', format('select count(*) from orrery.event_log where what = %L', 'agent ' || (a.up ->> 'agent_id'))) <> '0', a.name <> 'agent-u',
  'and what happened to those: ' || a.name) from agents a;
select is(orrery_test.as_login('orrery_test_t', 'select orrery.event_partitions()'), 'OR010', 'partitions concern every cluster');
select * from finish();
rollback;

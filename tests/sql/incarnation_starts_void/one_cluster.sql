-- Catches a start of before a failover that is handed out again, since who noticed the failover sees one cluster only.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create(c) from unnest(array['t', 'u']) c;
select orrery.server_kind_set('plain', '{"role":"other","command":"run"}', c) from unnest(array['t', 'u']) c;
create role orrery_test_t login in role orrery_agent;
select orrery.cluster_grant('t', 'orrery_test_t');
select orrery_test.agent_up('agent-both') as both \gset
update orrery.cluster set state = 'starting', rule = 'test' where cluster in ('t', 'u');
select orrery.server_request('plain', '1', c) is not null from unnest(array['t', 'u']) c;
create function pg_temp.starts() returns text language sql as $$
  select string_agg(cluster || ' ' || state, ', ' order by cluster) from orrery.command where verb = 'start' $$;
select is(pg_temp.starts(), 't pending, u pending', 'two starts wait');
update orrery.incarnation set timeline = timeline - 1;
select is(orrery_test.as_login('orrery_test_t', $$select (a ->> 'agent_id' is not null)::text from orrery.agent_register('agent-one', encode(sha256('one'), 'hex'),
  '{"host":"h","boot_id":"b","version":"0","cpus":1,"memory_bytes":1,"public_address":"p","private_address":"p","private_port":1,"port_min":1,"port_max":2,"clusters":["t"]}') a$$),
  'true', 'a login of one cluster notices the failover');
select is(pg_temp.starts(), 't void, u pending', 'it voids those it sees');
select is(jsonb_path_query_array(orrery_test.beat(:'both'), '$.commands[*].verb'), '[]', 'the other is not handed out');
select orrery.tick_identity();
select is(pg_temp.starts(), 't void, u void', 'and voided by the tick, which sees all (incarnation_starts_void)');
select * from finish();
rollback;

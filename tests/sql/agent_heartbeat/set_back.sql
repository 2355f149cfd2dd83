-- Catches a database that was set back to an earlier state of itself (a snapshot of its disk: same timeline, same lineage)
-- and gives epochs that its agents run already.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.incarnation_current() as i, orrery.epoch_next() as e \gset
select orrery_test.beat(:'a', '[{"server_id":1,"epoch":1,"state":"ready"}]');
select is(orrery.incarnation_current(), :i::bigint, 'an old epoch is nothing new');
select is(orrery_test.beat(:'a', jsonb_build_array(jsonb_build_object('server_id', 1, 'epoch', :e::bigint + 50, 'state', 'ready')), '02') -> 'unknown',
  jsonb_build_array(jsonb_build_object('server_id', 1, 'epoch', :e::bigint + 50)), 'one that was never given is to be stopped');
select is(orrery.incarnation_current(), :i::bigint + 1, 'and raises the incarnation');
select cmp_ok(orrery.epoch_next(), '>', :e::bigint + 50, 'so that it is not given again');
select is((select count(*) from orrery.event where noun = 'incarnation' and rule = 'agent_heartbeat'), 1::bigint, 'with an event');
-- An agent of one cluster is not believed so much.
create role orrery_test_one login in role orrery_agent;
select orrery.cluster_grant('t', 'orrery_test_one');
select orrery_test.clock_advance('2 minutes');
select orrery.incarnation_current() as j \gset
set session authorization orrery_test_one;
select orrery.agent_register('one', repeat('cd', 32), '{"host":"h","boot_id":"b","version":"0","cpus":1,"memory_bytes":1073741824,"public_address":"192.0.2.9",
  "private_address":"10.0.0.9","private_port":7000,"port_min":22000,"port_max":22099,"clusters":["t"]}') as one \gset
select orrery.agent_heartbeat((:'one'::jsonb ->> 'agent_id')::bigint, :'one'::jsonb ->> 'token', '{"cpu":1e-60,"memory_used_bytes":1}', '05',
  jsonb_build_array(jsonb_build_object('server_id', 1, 'epoch', ((:j::bigint + 1) << 32) - 1, 'state', 'ready'))) -> 'unknown' as unknown \gset
select is(orrery.agent_heartbeat((:'one'::jsonb ->> 'agent_id')::bigint, :'one'::jsonb ->> 'token', '{"cpu":1e-60,"memory_used_bytes":1}', '05'), '{}'::jsonb, 'nearly no load is a load');
reset session authorization;
select is(jsonb_array_length(:'unknown'), 1, 'what it says it runs is to be stopped');
select is(orrery.incarnation_current(), :j::bigint, 'and raises nothing');
select * from finish();
rollback;

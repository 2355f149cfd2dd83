-- Catches a server placed without its ports, its token or its command, twice, or in a cluster that is not up.
begin;
set local client_min_messages = warning;
select plan(17);
delete from orrery.agent_heartbeat;
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"run","args":["-x"],"env":{"A":"b"},"public_port":7999,"ready_deadline_ms":2000,"stop_grace_ms":300,"memory_bytes":1000,
  "on_isolation":"hold","limits":{"nofile":64,"core_bytes":0},"log_bytes_max":4096,"log_files":2,"watchdog_ms":700}', 't');
select orrery_test.server_made('t', 'plain', '1', 'requested') as id \gset
select orrery_test.agent_up('agent-t') ->> 'agent_id' as agent \gset
create function pg_temp.state_of(p_id bigint) returns text language sql as $$ select state from orrery.server where server_id = p_id $$;
select is(orrery.server_place(:id), false, 'not while its cluster is stopped');
select is(pg_temp.state_of(:id), 'requested', 'it goes on waiting');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
update orrery.server set empty_since = '-infinity' where server_id = :id;
select is(orrery.server_place(:id), true, 'placed');
select is((select empty_since from orrery.server where server_id = :id), null, 'it has not been empty before it was there');
select is((select (state, agent_id, rule, reason, public_host, public_port, private_host, private_port)::text from orrery.server where server_id = :id),
  ('starting'::text, :agent::bigint, 'placement_pick'::text, (select s.reason from orrery.server s where s.server_id = :id), '192.0.2.1'::text, 7999, '10.0.0.1'::text, 21000)::text, 'where, with its addresses');
select matches((select reason from orrery.event where noun = 'server' and noun_id = :'id' and to_state = 'starting'), '^starting on agent-t: the only .*: \d+ % reserved$', 'its event says why there');
select is((select sha256(convert_to(token, 'UTF8')) = token_hash and length(token) = 64 from orrery.server where server_id = :id), true, 'with a token of its own');
select cmp_ok((select abs(extract(epoch from deadline_at - orrery.clock()) - 7) from orrery.server where server_id = :id), '<', 1::numeric, 'start_slack_ms beyond the agent''s deadline');
select results_eq(format('select name, port from orrery.port where server_id = %s order by port', :id), $$values ('public', 7999), ('private', 21000)$$, 'two ports');
select is((select c.payload from orrery.command c where c.server_id = :id and c.verb = 'start' and c.agent_id = :agent), '{"kind":"plain","key":"1","role":"other","command":"run",
  "args":["-x"],"env":{"A":"b"},"ready":{"by":"notify"},"stop_signal":"TERM",
  "ports":[{"name":"public","protocol":"udp","port":7999,"count":1},{"name":"private","protocol":"udp","port":21000,"count":1}],"ready_deadline_ms":2000,"stop_grace_ms":300,"memory_bytes":1000,
  "on_isolation":"hold","limits":{"nofile":64,"core_bytes":0},"log_bytes_max":4096,"log_files":2,"watchdog_ms":700}', 'a start command that says it all');
select is(orrery.server_place(:id), false, 'not again');
select is((select count(*) from orrery.command where server_id = :id), 1::bigint, 'no second command');
select is(orrery.server_place(-1), false, 'an unknown one');
select orrery_test.server_made('t', 'plain', '2', 'requested') as second \gset
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = orrery.clock() where cluster = 't';
update orrery.server_kind set public_port = null where cluster = 't' and kind = 'plain';
select is(orrery.server_place(:second), true, 'its cluster still has players while it shuts down');
select is((select array_agg(port order by port) from orrery.port where server_id = :second), '{21001,21002}', 'both ports from the range');
update orrery.cluster set state = 'stopping', rule = 'test' where cluster = 't';
select orrery_test.server_made('t', 'plain', '3', 'requested') as third \gset
select is(orrery.server_place(:third), false, 'not when it stops');
select is((select count(*) from orrery.port where server_id = :third), 0::bigint, 'nothing is taken');
select * from finish();
rollback;

-- Catches a server that waits without a reason, fills the log while it waits, or keeps a port it cannot use.
begin;
set local client_min_messages = warning;
select plan(9);
delete from orrery.agent_heartbeat;
delete from orrery.port;
update orrery.agent set clusters = '{}';
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"run"}', 't');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
select orrery_test.server_made('t', 'plain', '1', 'requested') as id \gset
create function pg_temp.events(p_id bigint) returns bigint language sql as $$ select count(*) from orrery.event where noun = 'server' and noun_id = p_id::text and rule = 'placement_pick' $$;
select is(orrery.server_place(:id), false, 'no agent');
select matches((select reason from orrery.server where server_id = :id), '^no agent with room: ', 'it says why');
select cmp_ok((select abs(extract(epoch from try_at - orrery.clock()) - 1) from orrery.server where server_id = :id), '<', 0.5, 'and is tried again after place_retry_ms');
select orrery.server_place(:id);
select is(pg_temp.events(:id), 1::bigint, 'the same reason is told once');
select orrery_test.agent_up('agent-t', '{"port_min":21000,"port_max":21000}') ->> 'agent_id' as agent \gset
select orrery.server_place(:id);
select is((select reason ~ 'agent-t has 1 of 2 udp ports left' from orrery.server where server_id = :id), true, 'another reason');
select is(pg_temp.events(:id), 2::bigint, 'is told too');
update orrery.server_kind set public_port = 21000 where cluster = 't' and kind = 'plain';
select is(orrery.server_place(:id), false, 'its fixed port is the only one of the range');
select is((select count(*) from orrery.port where agent_id = :agent and server_id is not null), 0::bigint, 'and is given back');
select is((select state || ': ' || reason from orrery.server where server_id = :id), 'requested: no agent with room: agent-t has no port left', 'it waits');
select * from finish();
rollback;

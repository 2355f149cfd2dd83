-- Catches a request that is dropped or placed although no agent has room, and a status that does not say why.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.agent_heartbeat;
select orrery.cluster_create('t');
select orrery_test.agent_up('small', '{"memory_bytes":1000}') as small \gset
select orrery.cluster_start('t');
select is((select array_agg(distinct s.state) from orrery.server s where s.cluster = 't'), '{requested}', 'waits');
select matches((select s.reason from orrery.server_status s where s.cluster = 't' and s.kind = 'login'), 'small has no memory left', 'the status says why');
select is((select count(*) from orrery.event e where e.cluster = 't' and e.rule = 'placement_pick' and e.reason ~ 'no memory'), 2::bigint, 'so do events');
select orrery_test.clock_advance('2 s');
select orrery.tick();
select is((select count(*) from orrery.event e where e.cluster = 't' and e.rule = 'placement_pick' and e.reason ~ 'no memory'), 2::bigint, 'once, not at each try');
select orrery_test.agent_up('big') as big \gset
select orrery_test.clock_advance('2 s');
select orrery.tick();
select is((select array_agg(distinct s.agent) from orrery.server_status s where s.cluster = 't'), '{big}', 'placed when there is room');
select * from finish();
rollback;

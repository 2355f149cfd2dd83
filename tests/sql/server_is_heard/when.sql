-- Catches a server that is overruled though nothing is heard of its machine, or never though it is.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
delete from orrery.agent_heartbeat;
select is(orrery.server_is_heard(:grid), false, 'a machine without a heartbeat is not');
insert into orrery.agent_heartbeat (agent_id, beat_at, cpu, memory_used_bytes) select agent_id, orrery.clock(), 0, 0 from orrery.agent;
select is(orrery.server_is_heard(:grid), true, 'one that beats is');
select orrery_test.clock_advance('2 s');
select is(orrery.server_is_heard(:grid), true, 'two beats may be missing');
select orrery_test.clock_advance('2 s');
select is(orrery.server_is_heard(:grid), false, 'not three');
update orrery.agent_heartbeat set beat_at = orrery.clock();
select orrery.server_stop_now(:grid, 'x', 'test');
select is(orrery.server_is_heard(:grid), true, 'one that stops is');
update orrery.server set state = 'stopped', rule = 'test', token = null, token_hash = null, deadline_at = null where server_id = :grid;
select is(orrery.server_is_heard(:grid), false, 'one that has stopped is not');
select is(orrery.server_is_heard(0), false, 'nor one that is not');
select * from finish();
rollback;

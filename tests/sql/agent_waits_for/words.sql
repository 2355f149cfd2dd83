-- Catches an agent that something waits for and nobody knows.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
create function pg_temp.waits() returns text language sql as $$ select a.waits_for from orrery.agent_status a where a.name = 'agent-t' $$;
select is(pg_temp.waits(), null, 'all is well: nothing');
select is(orrery.agent_waits_for(-1), null, 'unknown: nothing');
select orrery.server_request('grid', 'aldra-1', 't') ->> 'server_id' as id \gset
select orrery_test.clock_advance('5 s');
select matches(pg_temp.waits(), '^a heartbeat: it is judged lost at \d\d:\d\d:\d\d; 1 command to be fetched$', 'silent, with work waiting');
select orrery_test.carry_out(:'a');
select is(pg_temp.waits(), null, 'done');
select orrery.agent_drain('agent-t', 60);
select matches(pg_temp.waits(), '^chat main: an agent with room \(.*\), since agent-t drains, until .*; grid aldra-1: the next second, to be stopped.*; login main: an agent', 'draining: what each server waits for');
select orrery.agent_resume('agent-t');
select orrery_test.report(:'a', '[{"state":"stopping"}]');
select is(pg_temp.waits(), 'its registration or its loss: 3 servers not accounted for', 'stopped, with servers');
select orrery_test.clock_advance('30 s'); select orrery.tick_agents('-infinity');
select is(pg_temp.waits(), 'its return', 'lost, with none');
select * from finish();
rollback;

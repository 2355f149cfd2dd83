-- Catches an agent that stays empty for ever after maintenance.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select is(orrery_test.refusal('select orrery.agent_resume(''agent-t'')') ->> 'code', 'OR002', 'it does not drain');
select orrery.agent_drain('agent-t', 60);
select is(orrery.server_request('grid', 'aldra-1', 't') ->> 'state', 'requested', 'nothing is placed while it drains');
select orrery.agent_resume('agent-t') as event \gset
select is((select (drain_at, drain_until)::text from orrery.agent where name = 'agent-t'), '(,)', 'resumed');
select is((select rule || ': ' || reason from orrery.event where event_id = :event), 'agent_resume: agent-t takes servers again; 2 servers on it', 'with an event');
select orrery_test.clock_advance('61 s'); select orrery_test.beat(:'a'); select orrery.tick();
select is((select array_agg(distinct s.state order by s.state) from orrery.server s where s.cluster = 't'), '{ready,starting}', 'its deadline is off, and what waited is placed');
select * from finish();
rollback;

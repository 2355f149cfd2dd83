-- Catches a fence that waits for the tick's judgement, or does not know an agent that was stopped.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
select orrery_test.clock_advance('16 s');
select orrery.agent_fence('agent-t');
select is((select state || ' by ' || rule from orrery.agent where name = 'agent-t'), 'lost by agent_fence', 'silent for a lease is enough');
select is((select array_agg(distinct s.state || ' by ' || s.rule) from orrery.server s where s.cluster = 't'), '{"requested by agent_fence"}', 'its servers are wanted elsewhere');
select is((select count(*) from orrery.event where noun = 'agent' and from_state = 'up' and to_state = 'lost' and rule = 'agent_fence'), 1::bigint, 'an edge with its event');
select lives_ok('select orrery.agent_fence(''agent-t'')', 'once more does no harm');
select orrery_test.agent_up('agent-t', '{"clusters":["t"]}') as a \gset
select orrery_test.clock_advance('2 s'); select orrery_test.beat(:'a', '[]'); select orrery.tick(); select orrery_test.carry_out(:'a');
select orrery_test.report(:'a', '[{"state":"stopping"}]');
select is(orrery_test.refusal('select orrery.agent_fence(''agent-t'')') ->> 'code', 'OR002', 'one that was stopped just now has its lease too');
select orrery_test.clock_advance('16 s');
select lives_ok('select orrery.agent_fence(''agent-t'')', 'then it is fenced');
select is((select array_agg(distinct s.state) from orrery.server s where s.cluster = 't'), '{requested}', 'and its servers planned anew');
select * from finish();
rollback;

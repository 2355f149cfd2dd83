-- Catches a drain that says nothing, is forgotten when its agent dies or restarts, or takes a slip of the finger for seconds.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.agent_drain('agent-t') as event \gset
select is((select rule || ' ' || noun_id from orrery.event where event_id = :event), 'agent_drain ' || (:'a'::jsonb ->> 'agent_id'), 'the event is answered');
select alike((select reason from orrery.event where event_id = :event), 'agent-t drains: 2 servers with 0 players on it; nothing more is placed there; what is not empty stays until it is', 'in words');
select is((select drain_at is not null and drain_until is null from orrery.agent where name = 'agent-t'), true, 'without a deadline');
select matches((select reason from orrery.placement_pick('t', 'grid')), 'agent-t is draining', 'nothing is placed on it');
select orrery_test.clock_advance('10 s');
select drain_at as since from orrery.agent where name = 'agent-t' \gset
select orrery.agent_drain('agent-t', 60);
select is((select round(extract(epoch from drain_until - orrery.clock())) from orrery.agent where name = 'agent-t'), 60::numeric, 'a second one sets the deadline');
select is((select drain_at from orrery.agent where name = 'agent-t'), :'since'::timestamptz, 'and it drains since the first');
select orrery_test.agent_up('agent-t') as a \gset
update orrery.agent set state = 'lost', rule = 'test' where name = 'agent-t';
select orrery_test.beat(:'a');
select orrery_test.report(:'a', '[{"state":"stopping"}]');
select orrery_test.agent_up('agent-t') as a \gset
select is((select state || (drain_at = :'since') || (drain_until is not null) from orrery.agent where name = 'agent-t'), 'uptruetrue', 'it outlives restart, loss and stop');
select orrery.agent_drain('agent-t');
select is((select drain_until from orrery.agent where name = 'agent-t'), null, 'a drain without one takes the deadline away');
select to_jsonb(a) as before from orrery.agent a where a.name = 'agent-t' \gset
select is(orrery_test.refusal('select orrery.agent_drain(''agent-t'', -1)') ->> 'code', 'OR003', 'negative');
select is(orrery_test.refusal('select orrery.agent_drain(''agent-t'', 2147483647)') ->> 'code', 'OR003', 'huge');
select is((select to_jsonb(a) from orrery.agent a where a.name = 'agent-t'), :'before'::jsonb, 'nothing was changed');
select * from finish();
rollback;

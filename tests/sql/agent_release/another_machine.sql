-- Catches a name that no other machine can ever take, or that is taken from a machine with servers.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
create function pg_temp.other() returns text language sql as $$
  select orrery_test.agent_up('agent-t', '{"boot_id":"boot-9","host":"other"}', repeat('ab', 32)) ->> 'agent_id'
$$;
select is(orrery_test.refusal('select pg_temp.other()') ->> 'code', 'OR004', 'the name is pinned');
select is(orrery_test.refusal('select orrery.agent_release(''agent-t'')') ->> 'code', 'OR002', 'not while it is up');
select orrery_test.report(:'a', '[{"state":"stopping"}]');
select is(orrery_test.refusal('select orrery.agent_release(''agent-t'')') ->> 'code', 'OR002', 'not while it has servers');
select alike(orrery_test.refusal('select orrery.agent_release(''agent-t'')') ->> 'hint', '%agent_fence(''agent-t'')%', 'it says what to do then');
select is((select identity_hash is not null from orrery.agent where name = 'agent-t'), true, 'nothing was changed');
select orrery_test.clock_advance('16 s');
select orrery.agent_fence('agent-t');
select orrery.agent_release('agent-t') as event \gset
select is((select rule from orrery.event where event_id = :event), 'agent_release', 'the event is answered');
select is(orrery_test.refusal('select orrery.agent_release(''agent-t'')') ->> 'code', 'OR002', 'once');
select is(pg_temp.other(), :'a'::jsonb ->> 'agent_id', 'another machine takes it');
select is(orrery_test.refusal($$select orrery_test.agent_up('agent-t')$$) ->> 'code', 'OR004', 'and holds it from then on');
select is((select state || ' ' || host from orrery.agent where name = 'agent-t'), 'up other', 'up');
-- The process before, which heartbeats on, is told so by its next heartbeat.
select orrery_test.agent_up('agent-u', '{"clusters":["u"]}') as u \gset
select is(orrery_test.beat(:'u', '[]') is not null and orrery_test.beat(:'u') = '{}', true, 'an ordinary heartbeat');
select orrery_test.report(:'u', '[{"state":"stopping"}]');
select is(orrery_test.beat(:'u', '[]') is not null and orrery_test.beat(:'u') = '{}', true, 'of one that stops');
select orrery.agent_release('agent-u');
select is(orrery_test.refusal(format('select orrery_test.beat(%L)', :'u')) ->> 'code', 'OR004', 'after the release its token is void');
select * from finish();
rollback;

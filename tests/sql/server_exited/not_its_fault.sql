-- Catches a server given up because its agent was restarted too often, and one placed on an agent that is stopping.
begin;
set local client_min_messages = warning;
select plan(6);
select orrery_test.cluster_up('t') as agent \gset
select orrery.server_kind_set('hut', '{"role":"other","command":"true","start_attempts_max":2}', 't');
select orrery.server_request('hut', '1', 't') as r \gset
select (:'r'::jsonb ->> 'server_id')::bigint as id \gset
create function pg_temp.ended_by_agent(p_agent jsonb, p_id bigint) returns void language sql as $$
  select orrery_test.report(p_agent, jsonb_build_array(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'exited',
    'reason', 'the agent stops: exit status 0', 'by_agent', true))) from orrery.server s where s.server_id = p_id
$$;
select pg_temp.ended_by_agent(:'agent', :id);
select is((select s.failures from orrery.server s where s.server_id = :id), 0, 'no failure of its own');
select orrery.tick();
select is((select s.state from orrery.server s where s.server_id = :id), 'starting', 'and no backoff');
select pg_temp.ended_by_agent(:'agent', :id) from generate_series(1, 1);
select orrery.tick();
select pg_temp.ended_by_agent(:'agent', :id);
select isnt((select s.state from orrery.server s where s.server_id = :id), 'failed', 'however often');
select orrery_test.report(:'agent', '[{"state":"stopping"}]');
select is((select a.state from orrery.agent a where a.agent_id = (:'agent'::jsonb ->> 'agent_id')::bigint), 'stopped', 'the agent says that it stops');
select orrery_test.clock_advance('2 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select is((select s.state from orrery.server s where s.server_id = :id), 'requested', 'nothing is placed on it any more');
select matches((select s.reason from orrery.server s where s.server_id = :id), 'is stopped', 'and it says why');
select * from finish();
rollback;

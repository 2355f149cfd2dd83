-- Catches a machine on which nothing starts and that is picked again and again, since it is the least loaded.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery_test.agent_up('agent-b') as b \gset
select orrery_test.beat(:'b', '[]') is not null as heard \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true","memory_bytes":1000000}', 't');
select orrery.server_request('plain', '1', 't') ->> 'server_id' as id \gset
create function pg_temp.on_agent(p_id bigint) returns text language sql as $$
  select a.name from orrery.server s join orrery.agent a on a.agent_id = s.agent_id where s.server_id = p_id
$$;
select is(pg_temp.on_agent(:id), 'agent-b', 'the least loaded');
create function pg_temp.fails(p_agent jsonb, p_id bigint) returns void language plpgsql as $$
begin
  perform orrery_test.beat(p_agent);
  perform orrery_test.report(p_agent, (select jsonb_build_array(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'exited',
    'reason', 'ENOENT: no such executable', 'by_agent', false)) from orrery.server s where s.server_id = p_id));
  perform orrery_test.clock_advance('2 s');
  perform orrery.tick_servers();
end $$;
select pg_temp.fails(:'b', :id);
select is(pg_temp.on_agent(:id), 'agent-t', 'it failed there: another');
select pg_temp.fails(:'a', :id);
select is(pg_temp.on_agent(:id), 'agent-b', 'and back');
select orrery.agent_drain('agent-t');
select is((select p.agent_id from orrery.placement_pick('t', 'plain', (select agent_id from orrery.agent where name = 'agent-b')) p),
  (select agent_id from orrery.agent where name = 'agent-b'), 'the same when there is no other');
select * from finish();
rollback;

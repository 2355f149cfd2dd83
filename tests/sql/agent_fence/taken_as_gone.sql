-- Catches a machine fenced while it may be alive, servers that hold for ever after it is off, and one that returns and is obeyed.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
select orrery.server_kind_set('keep', '{"role":"other","command":"true","on_isolation":"hold"}', 't');
select orrery.server_request('keep', '1', 't') ->> 'server_id' as keep, orrery.server_request('keep', '2', 't') ->> 'server_id' as stops \gset
select orrery_test.carry_out(:'a');
select orrery.server_stop(:stops);
select epoch as old from orrery.server where server_id = :keep \gset
create function pg_temp.a() returns orrery.agent language sql as $$ select a from orrery.agent a where name = 'agent-t' $$;
select to_jsonb(pg_temp.a()) as before \gset
select orrery_test.beat(:'a') is not null as heard \gset
select orrery_test.clock_advance('14 s');
select orrery_test.refusal('select orrery.agent_fence(''agent-t'')') as no \gset
select is(:'no'::jsonb ->> 'code', 'OR002', 'not while its lease may last');
select matches(:'no'::jsonb ->> 'hint', 'in [12] s: SELECT agent_fence\(''agent-t''\)', 'it says how long to wait');
select is(to_jsonb(pg_temp.a()), :'before'::jsonb, 'nothing was changed');
create temp table beats as select * from orrery.agent_heartbeat;
delete from orrery.agent_heartbeat;
select is(orrery_test.refusal('select orrery.agent_fence(''agent-t'')') ->> 'code', 'OR002', 'nor when the database has forgotten when it was heard of');
insert into orrery.agent_heartbeat select * from beats;
select orrery_test.clock_advance('10 s');
select orrery.tick_agents(orrery.clock() - interval '1 hour');
select is((select state from orrery.server where server_id = :keep), 'ready', 'lost: what holds stays');
select matches((select waits_for from orrery.server_status where server_id = :keep), 'agent_fence\(''agent-t''\)', 'and waits for this');
select orrery_test.agent_up('b', '{"clusters":["t"]}') as b \gset
select orrery.agent_fence('agent-t') as event \gset
select is((pg_temp.a()).state || ' by ' || (pg_temp.a()).rule, 'lost by agent_fence', 'lost, by the word of its operator');
select is((select rule || ': ' || reason from orrery.event where event_id = :event), 'agent_fence: agent-t is fenced: its 2 servers are taken as gone', 'the event is answered');
select is((select state || ' by ' || rule from orrery.server where server_id = :stops), 'stopped by agent_fence', 'what was to stop has stopped');
select is((select state || ' by ' || rule || ' ' || (epoch > :old) || failures from orrery.server where server_id = :keep), 'requested by agent_fence true0', 'what holds is planned anew, under a new epoch');
select is((select count(*) from orrery.command where server_id in (:keep, :stops) and state in ('pending', 'claimed')), 0::bigint, 'nothing is left to do for it');
select is((select count(*) from orrery.port where agent_id = (pg_temp.a()).agent_id and server_id is not null), 0::bigint, 'its ports are free');
select orrery.tick();
select is((select a.name from orrery.server s join orrery.agent a using (agent_id) where s.server_id = :keep), 'b', 'at once, elsewhere');
select is(orrery_test.refusal(format('select orrery_test.beat(%L)', :'a')) ->> 'code', 'OR001', 'the token of the fenced one is void, and it is told to register');
select is(orrery_test.refusal(format('select orrery_test.report(%L, ''[]'')', :'a')) ->> 'code', 'OR001', 'for reports too');
select orrery_test.agent_up('agent-t', '{"clusters":["t"]}') as a \gset
select is(orrery_test.beat(:'a') ->> 'want_inventory', 'true', 'should it return it is asked what it runs');
select is(orrery_test.beat(:'a', jsonb_build_array(jsonb_build_object('server_id', :keep, 'epoch', :old::bigint, 'state', 'ready'))) -> 'unknown',
  jsonb_build_array(jsonb_build_object('server_id', :keep, 'epoch', :old::bigint)), 'and must stop it');
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', :keep, 'epoch', :old::bigint, 'state', 'exited', 'reason', 'late')));
select is((select a.name || ' ' || s.state from orrery.server s join orrery.agent a using (agent_id) where s.server_id = :keep), 'b starting', 'its report changes nothing');
select * from finish();
rollback;

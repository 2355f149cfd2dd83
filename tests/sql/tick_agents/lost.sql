-- Catches servers believed alive on a machine that is gone, or judged gone because the database itself was away.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('keep', '{"role":"other","command":"true","on_isolation":"hold"}', 't');
select orrery.server_request('keep', '1', 't');
select orrery_test.carry_out(:'a');
create function pg_temp.agent() returns text language sql as $$ select state from orrery.agent where name = 'agent-t' $$;
select orrery_test.clock_advance('19 s');
select orrery.tick_agents(orrery.clock() - interval '1 hour');
select is(pg_temp.agent(), 'up', 'not before lease and margin');
select orrery_test.clock_advance('2 s');
select orrery.tick_agents(orrery.clock() - interval '19 s');
select is(pg_temp.agent(), 'up', 'not by a loop that has not ticked as long');
create temp table saved as select * from orrery.agent_heartbeat;
delete from orrery.agent_heartbeat;
select orrery.tick_agents(orrery.clock() - interval '1 hour');
select is(pg_temp.agent(), 'up', 'not when the heartbeats were lost');
select is((select count(*) from orrery.agent_heartbeat b where b.agent_id = (:'a'::jsonb ->> 'agent_id')::bigint), 1::bigint, 'a row is made');
update orrery.agent_heartbeat b set beat_at = s.beat_at from saved s where s.agent_id = b.agent_id;
select orrery.tick_agents(orrery.clock() - interval '1 hour');
select is(pg_temp.agent(), 'lost', 'then lost');
select results_eq($$select kind, state from orrery.server where cluster = 't' order by kind$$,
  $$values ('chat', 'requested'), ('keep', 'ready'), ('login', 'requested')$$, 'its servers are wanted elsewhere, those that hold are left alone');
select is(orrery_test.beat(:'a') ->> 'want_inventory', 'true', 'when it is heard of again it is asked what it runs');
select is(pg_temp.agent(), 'up', 'and is up');
select * from finish();
rollback;

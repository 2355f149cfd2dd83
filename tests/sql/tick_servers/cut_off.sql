-- Catches healthy servers stopped after their agent was cut off, or the database away, before the agent could say that they are
-- ready.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.agent_up('a') as a \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as agent \gset
select orrery.cluster_create('t');
select orrery.cluster_start('t');
create function pg_temp.inventory(p_state text) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', p_state)) from orrery.server s where s.cluster = 't'
$$;
create function pg_temp.stops() returns bigint language sql as $$ select count(*) from orrery.command c where c.cluster = 't' and c.verb = 'stop' $$;
select orrery_test.beat(:'a', '[]') is not null as claimed \gset
select orrery_test.beat(:'a', pg_temp.inventory('starting'), '01') is not null as runs \gset

-- cut off
select orrery_test.clock_advance('20 s');
select orrery.tick_servers();
select is(pg_temp.stops(), 0::bigint, 'late, its agent silent: not told to stop');
select is(orrery_test.beat(:'a', null, '02') ->> 'want_inventory', 'true', 'the agent is asked');
select is(jsonb_array_length(coalesce(orrery_test.beat(:'a', pg_temp.inventory('starting'), '01') -> 'commands', '[]')), 0, 'and what it answers is not answered by a stop');

-- the heartbeats are lost in a crash; the tick gives the agent a row before it is heard of
delete from orrery.agent_heartbeat;
select orrery_test.clock_advance('61 s');
select orrery.tick_agents(null);
select orrery.tick_servers();
select is(pg_temp.stops(), 0::bigint, 'nor after a crash');
select orrery_test.beat(:'a', null, '02') ->> 'x' as heard \gset
update orrery.server s set deadline_at = orrery.clock() - interval '1 ms' where s.cluster = 't';
select orrery.tick_servers();
select is(pg_temp.stops(), 0::bigint, 'nor while it is asked and has not answered');
select orrery_test.beat(:'a', pg_temp.inventory('ready'), '02') -> 'commands' as commands \gset
select is((select array_agg(distinct s.state) from orrery.server s where s.cluster = 't'), '{ready}', 'they are ready');
select is(pg_temp.stops(), 0::bigint, 'and go on');
select * from finish();
rollback;

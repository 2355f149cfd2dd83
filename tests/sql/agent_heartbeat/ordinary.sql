-- Catches an ordinary heartbeat that is not noted or leaves out what the agent must hear, and one that lives on a wrong token.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('k', '{"role":"other","command":"true"}', 't');
create function pg_temp.inventory() returns jsonb language sql as $$
  select coalesce(jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', s.state) order by s.server_id), '[]')
  from orrery.server s where s.state in ('starting', 'ready') $$;
select orrery_test.beat(:'a', null, 'aa') as asks \gset
select is(:'asks'::jsonb -> 'want_inventory', 'true', 'an inventory that is not known is asked for');
select orrery_test.beat(:'a', pg_temp.inventory(), 'aa') as whole \gset
select is(:'whole'::jsonb -> 'want_inventory', 'false', 'it is known');
select is(jsonb_path_query_array(:'whole', '$.clusters[*] ? (@.name == "t").state'), '["running"]', 'the agent hears of clusters that may place on it');
update orrery.agent_heartbeat set beat_at = 'epoch', cpu = 0;
select is(orrery_test.beat(:'a', null, 'aa'), '{}', 'no news');
select results_eq($$select beat_at > 'epoch', cpu, memory_used_bytes from orrery.agent_heartbeat$$, $$values (true, 0.1::real, 1::bigint)$$, 'it is noted, and the load');
select is(orrery_test.beat(:'a', null, 'bb') -> 'want_inventory', 'true', 'another inventory is asked for');

select orrery.server_request('k', '1', 't');
select is(jsonb_path_query_array(orrery_test.beat(:'a', null, 'aa'), '$.commands[*].verb'), '["start"]', 'it is handed its commands');
select is(orrery_test.beat(:'a', null, 'aa') -> 'clusters', null, 'those alone');

create function pg_temp.hears() returns text language sql as $$
  select jsonb_path_query_first(orrery_test.beat(current_setting('test.agent')::jsonb, null, 'aa'), '$.clusters[*] ? (@.name == "t").state') #>> '{}' $$;
select set_config('test.agent', :'a', true);
select orrery.cluster_shutdown(300, 't');
select is(pg_temp.hears(), 'shutting_down', 'a shutdown is heard of');
select is(pg_temp.hears(), null, 'once');
select orrery.cluster_shutdown(200, 't');
select is(pg_temp.hears(), 'shutting_down', 'another time for it too');
select orrery.cluster_shutdown_cancel('t');
select is(pg_temp.hears(), 'running', 'and that it is called off');
select orrery.incarnation_raise((select incarnation + 1 from orrery.incarnation)::bigint);
select is(orrery_test.beat(:'a', null, 'aa') #>> '{database,incarnation}', (select incarnation::text from orrery.incarnation), 'an incarnation that is raised');
select is(orrery_test.beat(:'a', null, 'aa') -> 'database', null, 'once');
select is(orrery_test.refusal(format('select orrery.agent_heartbeat(%s, %L, %L, ''aa'')', :'a'::jsonb ->> 'agent_id', :'a'::jsonb ->> 'token', l)) ->> 'code', 'OR003', 'load ' || l)
from unnest(array['{"cpu":-0.1,"memory_used_bytes":1}', '{"cpu":1.1,"memory_used_bytes":1}', '{"cpu":"Infinity","memory_used_bytes":1}', '{"cpu":0.1,"memory_used_bytes":-1}', '[]']) l;
select is(orrery_test.refusal(format('select orrery.agent_heartbeat(%s, %L, ''{"cpu":"NaN","memory_used_bytes":1}'', ''aa'')', :'a'::jsonb ->> 'agent_id', :'a'::jsonb ->> 'token')) ->> 'code', 'OR003', 'a load that is no number');
update orrery.agent_heartbeat set digest = null;
select is(orrery_test.beat(:'a', null, 'aa') -> 'want_inventory', 'true', 'who is asked for its inventory hears it');
delete from orrery.agent_heartbeat;
select is(orrery_test.beat(:'a', null, 'aa') -> 'want_inventory', 'true', 'after a crash of the database too');

select orrery_test.beat(:'a', pg_temp.inventory(), 'aa');
select is(orrery_test.refusal(format('select orrery.agent_heartbeat(%s, ''wrong'', ''{"cpu":0.1,"memory_used_bytes":1}'', ''aa'')', :'a'::jsonb ->> 'agent_id')) ->> 'code', 'OR004', 'a wrong token is refused');
select is(orrery_test.refusal(format('select orrery.agent_heartbeat(%s, null, ''{"cpu":0.1,"memory_used_bytes":1}'', ''aa'')', :'a'::jsonb ->> 'agent_id')) ->> 'code', 'OR004', 'so is none');
select orrery_test.agent_up('agent-t') as b \gset
select is(orrery_test.refusal(format('select orrery.agent_heartbeat(%s, %L, ''{"cpu":0.1,"memory_used_bytes":1}'', ''aa'')', :'a'::jsonb ->> 'agent_id', :'a'::jsonb ->> 'token')) ->> 'code', 'OR004', 'and that of a predecessor');
select orrery_test.beat(:'b', pg_temp.inventory(), 'aa');
select is(orrery_test.beat(:'b', null, 'aa'), '{}', 'no news');
select orrery_test.clock_advance('1 hour');
select orrery.tick_agents('-infinity');
select is((select state from orrery.agent), 'lost', 'judged lost');
select is(orrery_test.beat(:'b', null, 'aa') -> 'want_inventory', 'true', 'one that was lost hears what became of its servers');
select is((select state from orrery.agent), 'up', 'and is up again');

select orrery_test.agent_up('agent-t', '{"clusters":["u"]}') as c \gset
select ok(jsonb_path_exists(orrery_test.beat(:'c', pg_temp.inventory(), 'cc'), '$.clusters[*] ? (@.name == "t")')
  = exists (select from orrery.server where state in ('starting', 'ready', 'stopping')), 'of the cluster of servers that it has, though it lost the credential');
select * from finish();
rollback;

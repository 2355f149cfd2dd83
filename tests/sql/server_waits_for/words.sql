-- Catches a server that waits and nobody knows for what.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
create function pg_temp.waits(p_id text) returns text language sql as $$ select orrery.server_waits_for(p_id::bigint) $$;
select server_id as login from orrery.server where cluster = 't' and kind = 'login' \gset
select is(pg_temp.waits(:'login'), null, 'ready: nothing');
select is(orrery.server_waits_for(-1), null, 'unknown: nothing');
update orrery.agent set drain_at = orrery.clock() where name = 'agent-t';
select orrery.server_request('grid', 'aldra-1', 't') ->> 'server_id' as id \gset
select matches(pg_temp.waits(:'id'), '^an agent with room \(.*agent-t is draining.*\)$', 'requested: room, and why there is none');
update orrery.agent set drain_at = null where name = 'agent-t';
update orrery.server set reason = 'exit status 1', try_at = orrery.clock() + interval '7.04 s' where server_id = :id;
select is(pg_temp.waits(:'id'), 'its next start in 7.0 s', 'the backoff');
update orrery.server set try_at = orrery.clock() where server_id = :id;
select orrery_test.clock_advance('1 s');
select is(pg_temp.waits(:'id'), 'the next tick, to be placed', 'the tick');
select orrery.server_place(:id);
select matches(pg_temp.waits(:'id'), '^its start to be fetched by agent agent-t, until \d\d:\d\d:\d\d$', 'starting: the agent');
select orrery_test.clock_advance('3 s');
select matches(pg_temp.waits(:'id'), 'by agent agent-t, not heard of for 4 s, until', 'which is silent');
select orrery_test.beat(:'a') #>> '{commands,0,command_id}' as c \gset
select matches(pg_temp.waits(:'id'), '^its start by agent agent-t, until', 'claimed');
select orrery_test.clock_advance('4 s'); select orrery_test.beat(:'a');
select matches(pg_temp.waits(:'id'), '^its start by agent agent-t, told 2 times, until', 'claimed again');
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('command_id', :c, 'ok', true)));
select matches(pg_temp.waits(:'id'), '^READY, until', 'done');
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'ready', 'pid', 1))) from orrery.server s where s.server_id = :id;
select is(pg_temp.waits(:'id'), null, 'ready');
update orrery.agent set drain_at = orrery.clock(), drain_until = orrery.clock() + interval '1 hour' where name = 'agent-t';
select matches(pg_temp.waits(:'id'), '^the next second, to be stopped, since agent-t drains, until', 'empty on an agent that drains');
update orrery.agent set state = 'lost', rule = 'test' where name = 'agent-t';
select matches(pg_temp.waits(:'id'), '^the return of agent agent-t, lost since .*agent_fence\(''agent-t''\)$', 'on a lost one');
select orrery_test.beat(:'a');
select orrery.server_stop(:id);
select matches(pg_temp.waits(:'id'), '^its stop to be fetched by agent agent-t$', 'stopping');
select orrery_test.beat(:'a');
select matches(pg_temp.waits(:'id'), '^its exit, reported by agent agent-t$', 'told');
select is((select waits_for from orrery.server_status where server_id = :id), pg_temp.waits(:'id'), 'the view shows it');
update orrery.server set state = 'failed', rule = 'test', reason = 'test' where server_id = :login;
select matches(pg_temp.waits(:'login'), '^being asked for again: SELECT server_request\(''login'', ''main'', ''t''\)$', 'failed');
update orrery.server set fleet = 'f' where server_id = :login;
select is(pg_temp.waits(:'login'), 'its fleet to go on: SELECT fleet_resume(''f'', ''t'')', 'or its fleet''s replacement');
select * from finish();
rollback;

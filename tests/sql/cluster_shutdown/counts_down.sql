-- Catches a shutdown whose deadline is not told, not kept, not replaced, or that leaves something behind.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as agent \gset
select orrery.cluster_shutdown(300, 't') as notice \gset
select is((select c.notice_id from orrery.cluster c where c.cluster = 't'), :notice::bigint, 'the answered event is the notice');
select orrery_test.beat(:'agent') -> 'clusters' -> 0 as told \gset
select is(:'told'::jsonb ->> 'state', 'shutting_down', 'the agent is told');
select ok((:'told'::jsonb ->> 'stops_in_ms')::numeric between 290000 and 300000, 'the time that is left');
select is((:'told'::jsonb ->> 'notice_id')::bigint, :notice::bigint, 'and the notice');
select orrery.cluster_shutdown(60, 't') as second \gset
select ok(:second > :notice, 'a second shutdown is a new notice');
select ok((orrery_test.beat(:'agent') #>> '{clusters,0,stops_in_ms}')::numeric <= 60000, 'and replaces the deadline');
select orrery.tick();
select is(orrery_test.cluster_state(), 'shutting_down', 'not before its deadline');
select orrery_test.clock_advance('61 s');
select orrery.tick();
select is(orrery_test.cluster_state(), 'stopping', 'stopping at its deadline');
select is((select array_agg(s.state) from orrery.server s where s.cluster = 't'), '{stopping,stopping}', 'its servers are told to stop');
select is((select orrery_test.refusal('select orrery.cluster_shutdown_cancel(''t'')') ->> 'code'), 'OR002', 'too late to cancel');
select orrery_test.carry_out(:'agent');
select ok('clusters' = any ((orrery.tick_due()).steps), 'its last server is gone: the very next tick sees to it');
select orrery.tick();
select is(orrery_test.cluster_state(), 'stopped', 'stopped');
select is((select count(*) from orrery.server s where s.cluster = 't' and s.state <> 'stopped'), 0::bigint, 'no server left');
select is((select count(*) from orrery.port p where p.cluster = 't' and p.server_id is not null), 0::bigint, 'no port left');
select is((select count(*) from orrery.command c where c.cluster = 't' and c.state in ('pending', 'claimed')), 0::bigint, 'no command left');
select is((select count(*) from orrery.placement p where p.cluster = 't' and p.server_id is not null), 0::bigint, 'no key owned');
select lives_ok('select orrery.cluster_start(''t'')', 'and it can be started again');
select * from finish();
rollback;

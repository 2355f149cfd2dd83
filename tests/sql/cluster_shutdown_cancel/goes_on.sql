-- Catches a cancelled shutdown that goes through, or is not told.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as agent \gset
select orrery.cluster_shutdown(10, 't');
select orrery.cluster_shutdown_cancel('t') as notice \gset
select is(orrery_test.cluster_state(), 'running', 'it goes on');
select is((orrery_test.beat(:'agent') #>> '{clusters,0,notice_id}')::bigint, :notice::bigint, 'the agent is told a new notice');
select is(orrery_test.beat(:'agent') #>> '{clusters,0,stops_in_ms}', null, 'without a countdown');
select orrery_test.clock_advance('11 s');
select orrery.tick();
select is(orrery_test.cluster_state(), 'running', 'past the deadline too');
select is(orrery_test.refusal('select orrery.cluster_shutdown_cancel(''t'')') ->> 'code', 'OR002', 'nothing to cancel any more');
select orrery.cluster_create('u');
select orrery.cluster_start('u');
select orrery.cluster_shutdown(10, 'u');
update orrery.server set state = 'stopped', rule = 'test' where cluster = 'u' and state = 'requested';
select orrery.cluster_shutdown_cancel('u');
select is(orrery_test.cluster_state('u'), 'starting', 'one that did not run yet is starting again');
select * from finish();
rollback;

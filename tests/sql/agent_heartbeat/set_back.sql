-- Catches a database that was set back to an earlier state of itself (a snapshot of its disk: same timeline, same lineage)
-- and gives epochs that its agents run already.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.incarnation_current() as i, orrery.epoch_next() as e \gset
select orrery_test.beat(:'a', '[{"server_id":1,"epoch":1,"state":"ready"}]');
select is(orrery.incarnation_current(), :i::bigint, 'an old epoch is nothing new');
select is(orrery_test.beat(:'a', jsonb_build_array(jsonb_build_object('server_id', 1, 'epoch', :e::bigint + 50, 'state', 'ready')), '02') -> 'unknown',
  jsonb_build_array(jsonb_build_object('server_id', 1, 'epoch', :e::bigint + 50)), 'one that was never given is to be stopped');
select is(orrery.incarnation_current(), :i::bigint + 1, 'and raises the incarnation');
select cmp_ok(orrery.epoch_next(), '>', :e::bigint + 50, 'so that it is not given again');
select is((select count(*) from orrery.event where noun = 'incarnation' and rule = 'agent_heartbeat'), 1::bigint, 'with an event');
select * from finish();
rollback;

-- Catches a login server that is given up for good, and a cluster that says all is well without one.
begin;
set local client_min_messages = warning;
select plan(4);
select orrery_test.cluster_up('t') as agent \gset
create function pg_temp.login() returns orrery.server language sql as $$
  select s from orrery.server s where s.cluster = 't' and s.kind = 'login'
$$;
create function pg_temp.dies(p_agent jsonb) returns void language sql as $$
  select orrery_test.report(p_agent, jsonb_build_array(jsonb_build_object('server_id', (pg_temp.login()).server_id,
    'epoch', (pg_temp.login()).epoch, 'state', 'exited', 'reason', 'exit status 1')))
$$;
select pg_temp.dies(:'agent'); select orrery_test.clock_advance('61 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select pg_temp.dies(:'agent'); select orrery_test.clock_advance('61 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select pg_temp.dies(:'agent'); select orrery_test.clock_advance('61 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select pg_temp.dies(:'agent'); select orrery_test.clock_advance('61 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select pg_temp.dies(:'agent'); select orrery_test.clock_advance('61 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select pg_temp.dies(:'agent');
select cmp_ok((pg_temp.login()).failures, '>=', 5, 'it failed often');
select is((pg_temp.login()).state, 'requested', 'and is tried again all the same');
select matches((select c.waits_for from orrery.cluster_status c where c.cluster = 't'), 'login main is requested: exit status 1; tried again',
  'the status says what it waits for');
select orrery_test.clock_advance('61 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select is((pg_temp.login()).state, 'starting', 'within start_backoff_max_ms');
select * from finish();
rollback;

-- Catches a report that stops a whole cluster while it holds sessions, or starts a server again that nobody wants any more.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.cluster_shutdown(30, 't');
create function pg_temp.dies(p_agent jsonb, p_kind text) returns text language sql as $$
  select orrery_test.report(p_agent, jsonb_build_array(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'exited', 'reason', 'its cluster is shut down',
    'by_agent', true))) from orrery.server s where s.cluster = 't' and s.kind = p_kind;
  select s.state from orrery.server s where s.cluster = 't' and s.kind = p_kind
$$;
select orrery_test.clock_advance('31 s');
select is(pg_temp.dies(:'a', 'chat'), 'stopped', 'what its agent stopped at the deadline is not started again');
select is(orrery_test.cluster_state(), 'shutting_down', 'the cluster waits for the tick');
select is((select state from orrery.server where cluster = 't' and kind = 'login'), 'ready', 'and so do its other servers');
select orrery.tick_clusters();
select is((select state from orrery.server where cluster = 't' and kind = 'login'), 'stopping', 'which stops them');
select is(pg_temp.dies(:'a', 'login'), 'stopped', 'the last one');
select orrery.tick_clusters();
select is(orrery_test.cluster_state(), 'stopped', 'and then it has stopped');
select * from finish();
rollback;

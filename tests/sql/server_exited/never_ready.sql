-- Catches a server that never says READY and is tried for ever, or given up without a reason.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as agent \gset
select orrery.server_kind_set('dud', '{"role":"other","command":"false","ready_deadline_ms":100,"start_attempts_max":3}', 't');
select orrery.server_request('dud', '1', 't') as r \gset
select (:'r'::jsonb ->> 'server_id')::bigint as id \gset
create function pg_temp.dies(p_agent jsonb, p_id bigint) returns void language sql as $$
  select orrery_test.beat(p_agent);
  select orrery_test.report(p_agent, jsonb_build_array(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'exited',
    'reason', 'not READY within 100 ms'))) from orrery.server s where s.server_id = p_id
$$;
select is(:'r'::jsonb ->> 'state', 'starting', 'starts');
select pg_temp.dies(:'agent', :id);
select is((select s.state from orrery.server s where s.server_id = :id), 'requested', 'tried again');
select ok((select s.epoch from orrery.server s where s.server_id = :id) > (:'r'::jsonb ->> 'epoch')::bigint, 'under a new epoch');
select is((select p.epoch from orrery.placement p where p.server_id = :id), (select s.epoch from orrery.server s where s.server_id = :id), 'which owns the key');
select is((select count(*) from orrery.port p where p.server_id = :id), 0::bigint, 'its ports are free');
select is((select count(*) from orrery.command c where c.server_id = :id and c.state in ('pending', 'claimed')), 0::bigint, 'its commands void');
select orrery.tick();
select is((select s.state from orrery.server s where s.server_id = :id), 'requested', 'not before the backoff');
select orrery_test.clock_advance('1.5 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select is((select s.state from orrery.server s where s.server_id = :id), 'starting', 'then');
select pg_temp.dies(:'agent', :id);
select orrery_test.clock_advance('1.5 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select is((select s.state from orrery.server s where s.server_id = :id), 'requested', 'the backoff has doubled');
select orrery_test.clock_advance('1 s'); select orrery_test.beat(:'agent'); select orrery.tick();
select pg_temp.dies(:'agent', :id);
select is((select s.state from orrery.server_status s where s.server_id = :id), 'failed', 'then failed');
select is((select s.reason from orrery.server_status s where s.server_id = :id), 'gave up after 3 failures: not READY within 100 ms', 'with the reason');
select is(orrery.server_request('dud', '1', 't') ->> 'state', 'starting', 'asked for again it is tried again');
select * from finish();
rollback;

-- Catches a crash loop that is restarted too fast, too slowly or for ever, one that forgets its failures too early, and one that
-- is given up without anybody being told.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('dud', '{"role":"other","command":"false","start_attempts_max":10}', 't');
select orrery.server_request('dud', '1', 't') ->> 'server_id' as id \gset
create function pg_temp.dud() returns orrery.server language sql as $$ select s from orrery.server s where s.cluster = 't' and s.kind = 'dud' $$;
create function pg_temp.dies(p_agent jsonb, p_words text) returns void language sql as $$
  select orrery_test.report(p_agent, jsonb_build_array(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'exited', 'reason', p_words))) from pg_temp.dud() s
$$;
-- Dies, is not started just before its wait is over, and is just after: the wait in seconds.
create function pg_temp.wait_s(p_agent jsonb) returns text language plpgsql as $$
declare
  v_wait interval;
  v_state text;
begin
  perform pg_temp.dies(p_agent, 'exit status 7');
  v_wait := (pg_temp.dud()).try_at - orrery.clock();
  perform orrery_test.clock_advance(v_wait - interval '0.3 s');
  perform orrery_test.beat(p_agent), orrery.tick();
  v_state := (pg_temp.dud()).state;
  perform orrery_test.clock_advance('0.4 s');
  perform orrery_test.beat(p_agent), orrery.tick();
  return format('%s s, %s, %s', round(extract(epoch from v_wait)), v_state, (pg_temp.dud()).state);
end
$$;
select (pg_temp.dud()).epoch as epoch \gset
select is((select array_agg(pg_temp.wait_s(:'a')) from generate_series(1, 9)), array['1 s, requested, starting', '2 s, requested, starting', '4 s, requested, starting',
  '8 s, requested, starting', '16 s, requested, starting', '32 s, requested, starting', '60 s, requested, starting', '60 s, requested, starting', '60 s, requested, starting'],
  '1 s, doubling, 60 s at most');
select is((pg_temp.dud()).failures, 9, 'each counts');
select cmp_ok((pg_temp.dud()).epoch, '>', :epoch::bigint, 'epochs grow');
select is((select count(distinct e.noun_id) from orrery.event e where e.noun = 'server' and e.noun_id = :'id' and e.to_state = 'requested' and e.reason like 'exit status 7; tried again in % s'), 1::bigint,
  'the history says when each is tried again');
select pg_temp.dies(:'a', 'exit status 7');
select is((select format('%s: %s', state, reason) from orrery.server_status where server_id = :id), 'failed: gave up after 10 failures: exit status 7', 'the status says that it was given up');
select is((select count(*) from orrery.event e where e.noun = 'server' and e.noun_id = :'id' and e.to_state = 'failed' and e.rule = 'agent_report'), 1::bigint, 'and an event');
select orrery_test.clock_advance('1 day');
select orrery_test.beat(:'a'), orrery.tick();
select is((pg_temp.dud()).state, 'failed', 'it is not tried again by itself');

-- what ran well for long begins anew
select orrery.server_request('dud', '1', 't') ->> 'state' as again \gset
select is((pg_temp.dud()).failures, 0, 'asked for again it has a clean record');
select pg_temp.dies(:'a', 'exit status 7');
select orrery_test.clock_advance('2 s');
select orrery_test.beat(:'a'), orrery.tick();
select orrery_test.carry_out(:'a') is not null as ready \gset
select is(format('%s %s', (pg_temp.dud()).state, (pg_temp.dud()).failures), 'ready 1', 'ready, its failure remembered');
update orrery.server_kind set always_on_key = '1' where kind = 'dud';
select orrery_test.clock_advance('30 s');
select pg_temp.dies(:'a', 'signal 11');
select is((pg_temp.dud()).failures, 2, 'a crash soon after READY adds to it');
select orrery_test.clock_advance('3 s');
select orrery_test.beat(:'a'), orrery.tick();
select orrery_test.carry_out(:'a') is not null as ready \gset
select orrery_test.clock_advance('61 s');
select orrery_test.beat(:'a');
select pg_temp.dies(:'a', 'signal 11');
select is((pg_temp.dud()).failures, 1, 'a crash after server_stable_ms is the first');
select matches((select waits_for from orrery.cluster_status where cluster = 't'), 'dud 1 is requested: signal 11; tried again in 1.0 s', 'the cluster''s status says what it lacks');
select * from finish();
rollback;

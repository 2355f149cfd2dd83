-- Catches a version that becomes ready and then crashes, and is rolled out all the same, or is started for ever without a pause.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":2},"surge":1,"unavailable_max":0}', 't');
select orrery_test.fleets_tick(), orrery_test.all_ready();
update orrery.server set state_at = state_at - interval '61 seconds' where cluster = 't' and state = 'ready';
create function pg_temp.crash(p_version bigint, p_reason text default 'exit status 1') returns void language sql as $$
  select orrery.server_exited(s.server_id, s.epoch, 'agent_report', p_reason) from orrery.server s
  where s.cluster = 't' and s.fleet = 'f' and s.version = p_version and s.state = 'ready'
$$;
create function pg_temp.due() returns void language sql as $$ update orrery.server set try_at = orrery.clock() where cluster = 't' and state = 'requested' $$;
select orrery.server_kind_set('arena', '{"args":["-v2"]}', 't');
select orrery_test.fleets_tick(), orrery_test.all_ready(), orrery_test.fleets_tick();
select is(orrery_test.fleet_there(), '3 ready', 'while the new one has been ready for a moment only, the old ones stay');
select pg_temp.crash(2);
select is((select format('%s %s', s.failures, s.reason) from orrery.server s where s.cluster = 't' and s.state = 'requested'), '1 exit status 1; tried again in 1.0 s', 'it is tried again after a wait');
select orrery.fleet_advance('t', 'f', null), orrery.tick_servers();
select is(orrery_test.fleet_there(), '2 ready, 1 requested', 'and no other is made in its place');
do $$ begin for i in 1..2 loop perform pg_temp.due(); perform orrery_test.fleets_tick(); perform orrery_test.all_ready(); perform orrery_test.fleets_tick(); perform pg_temp.crash(2); end loop; end $$;
select orrery_test.fleets_tick();
select matches((select paused from orrery.fleet where fleet = 'f'), '^arena f-3: gave up after 3 failures: exit status 1', 'replacement is paused');
select is((select count(*) from orrery.server s where s.cluster = 't' and s.version = 1 and s.state = 'ready'), 2::bigint, 'nothing that was well was stopped');
select orrery.server_kind_set('arena', '{"args":["-v3"]}', 't');
select orrery_test.fleets_tick(), orrery_test.fleets_tick(), orrery_test.all_ready();
update orrery.server set state_at = state_at - interval '5 seconds' where cluster = 't' and state = 'ready';
select orrery_test.fleets_tick();
select is(orrery_test.fleet_there(), '2 ready, 1 stopping', 'of another version, one that stays ready takes the place of an old one');
-- of those that somebody has
update orrery.server set allocations = 1, state_at = orrery.clock() where cluster = 't' and state = 'ready';
select pg_temp.crash(3, 'exit status 0');
select is((select s.state from orrery.server s where s.cluster = 't' and s.version = 3), 'stopped', 'whoever had one that ended well has done with it');
update orrery.server set version = 3 where cluster = 't' and state = 'ready';
select pg_temp.crash(3);
select is((select count(*) from orrery.server s where s.cluster = 't' and s.version = 3 and s.state = 'requested' and s.failures = 1), 1::bigint, 'one that crashed is tried again');
select * from finish();
rollback;

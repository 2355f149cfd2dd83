-- Catches a fleet that is not as large as its policy says, stops what somebody has, or shrinks before its cool-down is over.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.agent_heartbeat;
delete from orrery.port;
update orrery.agent set clusters = '{}';
select orrery_test.cluster_running('t');
select orrery_test.agent_up('a', '{"port_min":21000,"port_max":22999,"cpus":64}') is not null as up \gset
select orrery.server_kind_set('arena', '{"command":"arena","cpu_millis":1,"memory_bytes":1,"start_attempts_max":3}', 't');
create function pg_temp.tick() returns void language plpgsql as $$
begin
  perform orrery.tick_fleets();
  perform orrery.tick_servers();
end
$$;
-- servers by state, and those of them that are ready and of the newest version
create function pg_temp.there(p_fleet text default 'f') returns text language sql as $$
  select coalesce(string_agg(format('%s %s', n, state), ', ' order by state), 'none') from (
    select s.state, count(*) as n from orrery.server s where s.cluster = 't' and s.fleet = p_fleet and s.state <> 'stopped' group by 1) c
$$;
create function pg_temp.all_ready() returns void language sql as $$
  update orrery.server s set state = 'ready', rule = 'test' where s.cluster = 't' and s.state = 'starting'
$$;
create function pg_temp.all_gone() returns void language plpgsql as $$
begin
  perform orrery.server_exited(s.server_id, s.epoch, 'agent_report', 'exit status 0') from orrery.server s where s.cluster = 't' and s.state = 'stopping';
end
$$;

select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":3}}', 't');
select pg_temp.tick();
select is(pg_temp.there(), '3 starting', 'what lacks is started');
select pg_temp.tick();
select is(pg_temp.there(), '3 starting', 'once');
select pg_temp.all_ready();
select pg_temp.tick();
select is(pg_temp.there(), '3 ready', 'that is all');
select orrery.server_exited(min(s.server_id), min(s.epoch), 'agent_report', 'killed') from orrery.server s where s.cluster = 't' and s.key = 'f-1';
select pg_temp.tick();
select is(pg_temp.there(), '2 ready, 1 starting', 'what dies is replaced');
select pg_temp.all_ready();
update orrery.server set allocations = 1 where cluster = 't' and key in ('f-1', 'f-2');
select orrery.fleet_set('f', '{"policy_args":{"size":1}}', 't');
select pg_temp.tick();
select is(pg_temp.there(), '2 ready, 1 stopping', 'what nobody has is stopped at once when it was asked for');
select is((select string_agg(key, ' ' order by key) from orrery.server where cluster = 't' and state = 'ready'), 'f-1 f-2', 'what somebody has is not');
select pg_temp.all_gone(), pg_temp.tick(), pg_temp.tick();
select is(pg_temp.there(), '2 ready', 'nor ever');
select orrery.fleet_set('f', '{"policy":"orrery.fleet_buffer","policy_args":{"buffer":2},"cooldown_ms":60000}', 't');
select pg_temp.tick();
select pg_temp.all_ready(), pg_temp.tick();
select is(pg_temp.there(), '4 ready', 'a buffer comes on top');
update orrery.server set allocations = 0 where cluster = 't' and key in ('f-1', 'f-2');
select pg_temp.tick();
select is((select f.size || pg_temp.there() from orrery.fleet f where f.cluster = 't'), '24 ready', 'too many for a while');
update orrery.fleet set over_since = over_since - interval '59 seconds';
select pg_temp.tick();
select is(pg_temp.there(), '4 ready', 'are kept as long as the cool-down');
update orrery.fleet set over_since = over_since - interval '1 second';
select pg_temp.tick();
select is(pg_temp.there(), '2 ready, 2 stopping', 'and no longer');
select is((select string_agg(key, ' ' order by server_id) from orrery.server where cluster = 't' and state = 'ready'), 'f-2 f-1', 'the oldest stay');
select pg_temp.all_gone();
select orrery.fleet_set('f', '{"policy":"orrery.fleet_fixed","policy_args":{"size":100},"size_max":5,"size_min":1}', 't');
select pg_temp.tick(), pg_temp.all_ready();
select is(pg_temp.there(), '5 ready', 'size_max holds');
select orrery.fleet_set('f', '{"policy_args":{"size":0}}', 't');
select pg_temp.tick(), pg_temp.all_gone();
select is(pg_temp.there(), '1 ready', 'and size_min');
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = orrery.clock() + interval '1 hour' where cluster = 't';
select orrery.fleet_set('f', '{"policy_args":{"size":3}}', 't');
select pg_temp.tick();
select is(pg_temp.there(), '1 ready', 'a cluster that counts down grows no more');
select * from finish();
rollback;

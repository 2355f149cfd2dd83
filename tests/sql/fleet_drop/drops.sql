-- Catches a fleet given up whose servers stay, or take somebodys server with them.
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

select throws_ok($$select orrery.fleet_drop('f', 't')$$, 'OR001', null, 'no such fleet');
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":3}}', 't');
select pg_temp.tick(), pg_temp.all_ready();
update orrery.server set allocations = 1 where cluster = 't' and key = 'f-1';
select is(orrery.fleet_drop('f', 't'), 2::bigint, 'two stop');
select is((select string_agg(key || ' ' || state, ', ' order by key) from orrery.server where cluster = 't' and kind = 'arena'), 'f-1 ready, f-2 stopping, f-3 stopping', 'the one that somebody has goes on');
select pg_temp.tick();
select is((select count(*) from orrery.server where fleet is not null) + (select count(*) from orrery.fleet), 0::bigint, 'it is no more');
select * from finish();
rollback;

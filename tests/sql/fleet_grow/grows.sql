-- Catches two servers of one key, and more than were asked for.
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

select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":0}}', 't');
select orrery.server_request('arena', 'f-2', 't') ->> 'state' as state \gset
select orrery.fleet_grow(f, 3) from orrery.fleet f;
select is((select string_agg(key, ' ' order by key) from orrery.server where fleet = 'f'), 'f-1 f-3 f-4', 'a key that somebody asked for is his');
select orrery.fleet_grow(f, 1) from orrery.fleet f;
select is((select string_agg(key, ' ' order by key) from orrery.server where fleet = 'f'), 'f-1 f-3 f-4 f-5', 'another');
select is((select count(*) from orrery.placement p join orrery.server s on s.server_id = p.server_id and s.epoch = p.epoch where s.fleet = 'f'), 4::bigint, 'each owns its key');
-- one that still stops may run for a while
select orrery.tick_servers(), pg_temp.all_ready();
select orrery.server_stop_now(s.server_id, 'test', 'test') from orrery.server s where s.fleet = 'f' and s.key = 'f-1';
select orrery.fleet_grow(f, 1) from orrery.fleet f;
select is((select string_agg(key || ' ' || state, ', ' order by server_id) from orrery.server where fleet = 'f' and key in ('f-1', 'f-6')), 'f-1 stopping, f-6 requested', 'the key of one that still stops is not used');
select pg_temp.all_gone();
select orrery.fleet_grow(f, 1) from orrery.fleet f;
select is((select string_agg(key || ' ' || state, ', ' order by server_id) from orrery.server where fleet = 'f' and key = 'f-1'), 'f-1 stopped, f-1 requested', 'until it has');
select * from finish();
rollback;

-- Catches a server that is kept for whom it does not fit.
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

select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":3},"cooldown_ms":0}', 't');
select pg_temp.tick(), pg_temp.all_ready();
create function pg_temp.fits(p_selector jsonb) returns boolean language sql as $$
  select orrery.allocation_fits(s, p_selector) from orrery.server s where s.cluster = 't' and s.key = 'f-2'
$$;
update orrery.server set labels = '{"map":"dm1"}', counters = '{"players":{"count":3,"capacity":4}}' where cluster = 't' and key = 'f-2';
update orrery.agent set labels = '{"region":"eu"}' where name = 'a';
select ok(pg_temp.fits(s::jsonb), s) from (values ('{}'), ('{"fleet":"f","kind":"arena"}'), ('{"labels":{"region":"eu","map":"dm1"}}'), ('{"counters":{"players":1}}')) v (s);
select ok(not pg_temp.fits(s::jsonb), s) from (values ('{"fleet":"g"}'), ('{"kind":"lobby"}'), ('{"labels":{"region":"us"}}'), ('{"counters":{"players":2}}'),
  ('{"counters":{"rooms":1}}')) v (s);
select ok(not orrery.allocation_fits(null, '{}'), 'none fits nobody');
select * from finish();
rollback;

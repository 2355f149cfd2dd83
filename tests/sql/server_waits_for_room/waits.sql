-- Catches requests that are served out of turn.
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

update orrery.agent set servers_max = 1 where name = 'a';
select orrery.server_request('arena', n::text, 't') ->> 'server_id' as id from generate_series(1, 3) n;
create function pg_temp.waits() returns text language sql as $$
  select string_agg(key, ' ' order by key) from orrery.server s where s.cluster = 't' and orrery.server_waits_for_room(s.server_id)
$$;
select is((select string_agg(key || ' ' || state, ', ' order by key) from orrery.server where cluster = 't' and kind = 'arena'), '1 starting, 2 requested, 3 requested', 'one place');
update orrery.server set try_at = orrery.clock() where cluster = 't' and state = 'requested';
select orrery.tick_servers();
select is(pg_temp.waits(), '2 3', 'the others wait for room');
update orrery.agent set servers_max = 2 where name = 'a';
select orrery.server_request('arena', '4', 't') ->> 'server_id' as id;
select is((select string_agg(key || ' ' || state, ', ' order by key) from orrery.server where cluster = 't' and kind = 'arena'),
  '1 starting, 2 requested, 3 requested, 4 requested', 'who asks later does not come first');
update orrery.server set try_at = orrery.clock() - case key when '2' then interval '1 second' else interval '2 seconds' end where cluster = 't' and state = 'requested';
select orrery.tick_servers();
select is((select string_agg(key || ' ' || state, ', ' order by key) from orrery.server where cluster = 't' and kind = 'arena'),
  '1 starting, 2 starting, 3 requested, 4 requested', 'who asked first does');
select is((select count(*) from orrery.server where cluster = 't' and state = 'requested' and try_at <= orrery.clock()), 0::bigint, 'and none keeps the tick awake');
select * from finish();
rollback;

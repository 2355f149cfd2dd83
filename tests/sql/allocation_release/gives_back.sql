-- Catches a server that is used again though it should not be, or is never free again.
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
create function pg_temp.ask(p_request text, p_selector jsonb default '{}', p_wait_ms bigint default 0) returns text language plpgsql as $$
declare
  v jsonb := orrery.server_allocate(p_request, p_selector, p_wait_ms, 't');
begin
  return concat_ws(' ', v ->> 'status', v #>> '{server,key}');
end
$$;
create function pg_temp.state(p_request text) returns text language sql as $$ select a.state from orrery.allocation a where a.cluster = 't' and a.request = p_request $$;
create function pg_temp.server(p_key text) returns text language sql as $$
  select format('%s %s', s.state, s.allocations) from orrery.server s where s.cluster = 't' and s.key = p_key order by s.server_id desc limit 1
$$;
create function pg_temp.code(p_call text) returns text language sql as $$ select orrery_test.refusal('select ' || p_call) ->> 'code' $$;

select pg_temp.ask('1'), pg_temp.ask('2'), pg_temp.ask('3');
select is(pg_temp.ask('w', '{}', 60000), 'waiting', 'none is free');
select is(orrery.allocation_release('1', false, 't') ->> 'status', 'released', 'given back');
select is(pg_temp.server('f-1'), 'stopping 0', 'its server stops');
select is(orrery.allocation_release('1', true, 't') ->> 'status', 'released', 'once');
select is(orrery.allocation_release('w', false, 't') ->> 'status', 'released', 'wanted no more');
select is(orrery.allocation_release('2', true, 't') ->> 'status', 'released', 'given back to be used again');
select is(pg_temp.server('f-2'), 'ready 0', 'its server is free');
select orrery.tick_allocations();
select is(pg_temp.server('f-2'), 'ready 0', 'who waits no more gets none');
select is(pg_temp.code($$orrery.allocation_release('none', false, 't')$$), 'OR001', 'no such');
select is(pg_temp.code($$orrery.allocation_release('3', null, 't')$$), 'OR003', 'null');
-- shared
select pg_temp.ask(r, '{"shared":true}') from unnest(array['s1', 's2']) r;
select is((select array_agg(distinct s.key) from orrery.allocation a join orrery.server s using (server_id) where a.request in ('s1', 's2')), '{f-2}', 'two share one, not the one that is another''s alone');
select orrery.allocation_release('s1', false, 't');
select is(pg_temp.server('f-2'), 'ready 1', 'it goes on while one has it');
select orrery.allocation_release('s2', false, 't');
select is(pg_temp.server('f-2'), 'stopping 0', 'and no longer');
select * from finish();
rollback;

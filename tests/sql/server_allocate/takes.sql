-- Catches a server that two are given, an answer that differs when it is asked for again, and a free server that is not given.
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

select is(pg_temp.ask('1'), 'ready f-1', 'the first');
select is(pg_temp.ask('1'), 'ready f-1', 'asked again it is the same');
select is(pg_temp.ask('2', '{"fleet":"f"}'), 'ready f-2', 'by fleet');
select is(pg_temp.ask('3', '{"kind":"arena"}'), 'ready f-3', 'by kind');
select is(pg_temp.ask('4'), 'none', 'no more');
select is(pg_temp.state('4'), null, 'who does not wait is forgotten');
select is(pg_temp.ask('5', '{}', 60000), 'waiting', 'who waits');
select is(pg_temp.ask('5', '{}', 60000), 'waiting', 'is not forgotten');
select is(pg_temp.code($$orrery.server_allocate('1', '{"fleet":"f"}', 0, 't')$$), 'OR008', 'a key is for one thing');
select is((select a.answer - array['allocation_id', 'confirm_in_ms', 'reason'] #- '{server,server_id}' #- '{server,epoch}' from (select orrery.server_allocate('1', '{}', 0, 't')) a (answer)),
  (select jsonb_build_object('status', 'ready', 'server', jsonb_build_object('kind', 'arena', 'key', 'f-1', 'host', s.public_host,
    'ports', jsonb_build_object('public', s.public_port, 'private', s.private_port), 'counters', '{}'::jsonb, 'labels', '{}'::jsonb))
   from orrery.server s where s.cluster = 't' and s.key = 'f-1' and s.state = 'ready'), 'where it is');
select is(pg_temp.code(c), 'OR003', c) from (values ($$orrery.server_allocate(null, '{}', 0, 't')$$), ($$orrery.server_allocate('', '{}', 0, 't')$$),
  ($$orrery.server_allocate('x', null, 0, 't')$$), ($$orrery.server_allocate('x', '[]', 0, 't')$$), ($$orrery.server_allocate('x', '{"x":1}', 0, 't')$$),
  ($$orrery.server_allocate('x', '{}', -1, 't')$$), ($$orrery.server_allocate('x', '{}', null, 't')$$), ($$orrery.server_allocate('x', '{}', 86400001, 't')$$),
  ($$orrery.server_allocate('x', '{"fleet":1}', 0, 't')$$), ($$orrery.server_allocate('x', '{"shared":1}', 0, 't')$$), ($$orrery.server_allocate('x', '{"labels":[]}', 0, 't')$$),
  ($$orrery.server_allocate('x', '{"counters":{"players":-1}}', 0, 't')$$), ($$orrery.server_allocate('x', '{"counters":{"players":"x"}}', 0, 't')$$)) v (c);
select is(pg_temp.code($$orrery.server_allocate('x', '{"fleet":"none"}', 0, 't')$$), 'OR001', 'no such fleet');
select is(pg_temp.code($$orrery.server_allocate('x', '{"kind":"none"}', 0, 't')$$), 'OR001', 'no such kind');
select is((select count(*) from orrery.allocation), 4::bigint, 'nothing of it stays');
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = orrery.clock() + interval '1 hour' where cluster = 't';
select is(pg_temp.code($$orrery.server_allocate('x', '{}', 0, 't')$$), 'OR002', 'nor is one given in a cluster that counts down');
select is(pg_temp.ask('1'), 'ready f-1', 'who has one is told so');
select * from finish();
rollback;

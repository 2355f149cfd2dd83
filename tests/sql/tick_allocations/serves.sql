-- Catches an allocation that nobody confirmed kept for ever, a server used again though somebody was on it, and waits served out of turn.
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

create function pg_temp.late(p_request text) returns void language sql as $$
  update orrery.allocation set confirm_by = confirm_by - interval '1 minute', wait_until = wait_until - interval '2 minutes' where request = p_request
$$;
select orrery.server_kind_set('arena', '{"counters":{"players":4}}', 't');
update orrery.server set counters = '{"players":{"count":0,"capacity":4}}' where cluster = 't';
select pg_temp.ask('1', '{"counters":{"players":2}}'), pg_temp.ask('2', '{"counters":{"players":2}}'), pg_temp.ask('3');
select is((select counters #>> '{players,count}' from orrery.server where cluster = 't' and key = 'f-1'), '2', 'what was asked for counts');
select orrery.allocation_confirm('3', 't');
select is(pg_temp.ask('w1', '{}', 60000) || pg_temp.ask('w2', '{}', 60000) || pg_temp.ask('w3', '{"labels":{"map":"none"}}', 60000), 'waitingwaitingwaiting', 'three wait');
select orrery.tick_allocations();
select is(pg_temp.state('1') || pg_temp.state('w1'), 'allocatedwaiting', 'nothing is free');
update orrery.server set counters = '{"players":{"count":3,"capacity":4}}' where cluster = 't' and key = 'f-2';
select pg_temp.late('1'), pg_temp.late('2'), pg_temp.late('3');
select orrery.tick_allocations();
select is(pg_temp.state('1') || ' ' || pg_temp.state('2') || ' ' || pg_temp.state('3'), 'expired expired confirmed', 'what was not confirmed is taken back');
select is(pg_temp.server('f-2'), 'stopping 0', 'one that told of somebody is not used again');
select is((select reason from orrery.allocation where request = 'w1'), 'arena f-1', 'one that did not is, by who asked first');
select is(pg_temp.state('w2'), 'waiting', 'the others wait on');
select is(pg_temp.ask('x'), 'none', 'and nobody comes before them');
select pg_temp.all_gone(), pg_temp.tick(), pg_temp.all_ready();
select is(pg_temp.ask('x'), 'none', 'though one is free');
select orrery.tick_allocations();
select is(pg_temp.state('w2'), 'allocated', 'it is theirs');
select pg_temp.late('w3');
select orrery.tick_allocations();
select is(pg_temp.state('w3'), 'expired', 'a wait ends in its time');
-- a server that dies
select orrery.server_exited(s.server_id, s.epoch, 'agent_report', 'killed by signal 9') from orrery.server s where s.cluster = 't' and s.key = 'f-1' and s.state = 'ready';
select is(pg_temp.state('w1'), 'failed', 'who had it is told');
select is((select allocations from orrery.server where cluster = 't' and key = 'f-1' order by server_id desc limit 1), 0, 'and nobody has it any more');
select matches(orrery.server_allocate('w1', '{}', 60000, 't') ->> 'reason', 'its server is gone: killed by signal 9', 'why');
select * from finish();
rollback;

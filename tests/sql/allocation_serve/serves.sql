-- Catches a server that becomes free while somebody waits, and is his only at the next look; and one that passes over who came first.
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
select is(pg_temp.ask('other', '{"labels":{"map":"none"}}', 60000), 'waiting', 'one waits for what there is not');
select is(pg_temp.ask('first', '{}', 60000), 'waiting', 'another for any');
select is(pg_temp.ask('second', '{"fleet":"f"}', 60000), 'waiting', 'and another');
select ok(not orrery.allocation_serve(s), 'one that somebody has is given to nobody else') from orrery.server s where s.cluster = 't' and s.key = 'f-1' and s.state = 'ready';

select orrery.allocation_release('1', true, 't') ->> 'status' as status \gset
select is(pg_temp.state('first'), 'allocated', 'one that is given back goes to the first who waits for such a one');
select is(pg_temp.server('f-1'), 'ready 1', 'as it is');
select is(pg_temp.state('other') || ' ' || pg_temp.state('second'), 'waiting waiting', 'and to nobody else');

-- a new one is ready
select orrery.allocation_release('2', false, 't') ->> 'status' as status \gset
select pg_temp.all_gone(), pg_temp.tick();
select is(pg_temp.state('second'), 'waiting', 'none is ready yet');
select server_id as id, epoch from orrery.server where cluster = 't' and state = 'starting' \gset
select ok(orrery.server_ready(:id, :epoch, 1), 'now one is');
select is(pg_temp.state('second'), 'allocated', 'and is his, without a tick');
select is((select a.rule || ' ' || a.server_id from orrery.allocation a where a.request = 'second'), 'allocation_take ' || :id, 'it says which');

update orrery.agent set drain_at = orrery.clock();
select is(pg_temp.ask('third', '{}', 60000), 'waiting', 'one more waits');
select orrery.allocation_release('3', true, 't') ->> 'status' as status \gset
select is(pg_temp.state('third'), 'waiting', 'nobody is given a server of an agent that drains');
update orrery.agent set drain_at = null;
select ok(orrery.allocation_serve(s), 'until it does not') from orrery.server s where s.cluster = 't' and s.state = 'ready' and s.allocations = 0;
select ok(not orrery.allocation_serve(s), 'nobody who waits fits') from orrery.server s where s.cluster = 't' and s.state = 'ready' limit 1;
select * from finish();
rollback;

-- Catches an answer that names a server which is not the callers any more.
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

select pg_temp.ask('1');
select is(orrery.allocation_answer(a) - array['allocation_id', 'server', 'confirm_in_ms'], '{"status":"ready","reason":"arena f-1"}'::jsonb, 'one that is') from orrery.allocation a;
select orrery.allocation_release('1', true, 't');
select is(orrery.allocation_answer(a) ? 'server', false, 'one that was') from orrery.allocation a;
select * from finish();
rollback;

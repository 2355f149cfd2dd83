-- Fixtures for fleets and allocations: a cluster t with one roomy agent a and a kind arena, and what happens to its servers. For tests
-- run as a superuser, inside a transaction that is rolled back.
create schema if not exists orrery_test;

create or replace function orrery_test.arenas_up() returns void
language plpgsql as $$
begin
  delete from orrery.agent_heartbeat;
  delete from orrery.port;
  update orrery.agent set clusters = '{}';
  perform orrery_test.cluster_running('t');
  perform orrery_test.agent_up('a', '{"port_min":21000,"port_max":22999,"cpus":64}');
  perform orrery.server_kind_set('arena', '{"command":"arena","cpu_millis":1,"memory_bytes":1,"start_attempts_max":3}', 't');
end
$$;

create or replace function orrery_test.fleets_tick() returns void
language plpgsql as $$
begin
  perform orrery.tick_fleets();
  perform orrery.tick_servers();
end
$$;

-- Its servers by state, but for those that have stopped: "2 ready, 1 starting".
create or replace function orrery_test.fleet_there(p_fleet text default 'f') returns text
language sql as $$
  select coalesce(string_agg(format('%s %s', n, state), ', ' order by state), 'none') from (
    select s.state, count(*) as n from orrery.server s where s.cluster = 't' and s.fleet = p_fleet and s.state <> 'stopped' group by 1) c
$$;

create or replace function orrery_test.all_ready() returns void
language sql as $$ update orrery.server s set state = 'ready', rule = 'test' where s.cluster = 't' and s.state = 'starting' $$;

create or replace function orrery_test.all_gone() returns void
language plpgsql as $$
begin
  perform orrery.server_exited(s.server_id, s.epoch, 'agent_report', 'exit status 0') from orrery.server s where s.cluster = 't' and s.state = 'stopping';
end
$$;

-- After arenas_up: a fleet f of three servers that are ready, f-1 to f-3.
create or replace function orrery_test.arenas_ready() returns void
language plpgsql as $$
begin
  perform orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":3},"cooldown_ms":0}', 't');
  perform orrery_test.fleets_tick();
  perform orrery_test.all_ready();
end
$$;

-- "ready f-1", "waiting", "none".
create or replace function orrery_test.allocate(p_request text, p_selector jsonb default '{}', p_wait_ms bigint default 0) returns text
language plpgsql as $$
declare
  v jsonb := orrery.server_allocate(p_request, p_selector, p_wait_ms, 't');
begin
  return concat_ws(' ', v ->> 'status', v #>> '{server,key}');
end
$$;

create or replace function orrery_test.allocation_state(p_request text) returns text
language sql as $$ select a.state from orrery.allocation a where a.cluster = 't' and a.request = p_request $$;

-- State and allocations of the last server of a key: "ready 1".
create or replace function orrery_test.server_at(p_key text) returns text
language sql as $$
  select format('%s %s', s.state, s.allocations) from orrery.server s where s.cluster = 't' and s.key = p_key order by s.server_id desc limit 1
$$;

create or replace function orrery_test.code(p_call text) returns text
language sql as $$ select orrery_test.refusal('select ' || p_call) ->> 'code' $$;

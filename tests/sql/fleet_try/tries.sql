-- Catches a what-if of a policy that changes something, or is not what would be.
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

create function orrery_test.forty(p_fleet jsonb) returns bigint language sql security definer as $$ select 40::bigint $$;
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":3},"size_max":10}', 't');
select is((select (size, fault)::text from orrery.fleet_try('f', null, null, 't')), '(3,)', 'its own');
select is((select (size, fault)::text from orrery.fleet_try('f', null, '{"size":7}', 't')), '(7,)', 'with other arguments');
select is((select (size, fault)::text from orrery.fleet_try('f', 'orrery_test.forty', null, 't')), '(10,)', 'another, within the bounds');
select matches((select fault from orrery.fleet_try('f', 'orrery.fleet_fixed', '{}', 't')), 'answered null', 'nonsense');
select is((select (policy, policy_args)::text from orrery.fleet where fleet = 'f'), ('orrery.fleet_fixed'::text, '{"size": 3}'::jsonb)::text, 'nothing changes');
select throws_ok($$select orrery.fleet_try('none', null, null, 't')$$, 'OR001', null, 'no such fleet');
select throws_ok($$select orrery.fleet_try('f', 'orrery_test.none', null, 't')$$, 'OR001', null, 'no such policy');
select throws_ok($$select orrery.fleet_try('f', null, '[]', 't')$$, 'OR003', null, 'arguments that no fleet may have');
select ok(length((select fault from orrery.fleet_try('f', 'orrery.fleet_fixed', jsonb_build_object('size', repeat('x', 60000)), 't'))) < 1000, 'in few words');
select * from finish();
rollback;

-- Catches a rolling replacement that goes below or above its bounds, touches what somebody has, or goes on although the new version fails.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery.setting_set('fleet_settle_ms', 0);
create function pg_temp.versions() returns text language sql as $$
  select string_agg(format('%s of %s', n, version), ', ' order by version) from (
    select s.version, count(*) as n from orrery.server s where s.cluster = 't' and s.fleet = 'f' and s.state in ('ready', 'starting') group by 1) v
$$;
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":4},"surge":1,"unavailable_max":0}', 't');
select orrery_test.fleets_tick(), orrery_test.all_ready();
update orrery.server set allocations = 1 where cluster = 't' and key = 'f-1';
select orrery.server_kind_set('arena', '{"command":"arena"}', 't');
select orrery_test.fleets_tick();
select is(pg_temp.versions(), '4 of 1', 'what changes nothing replaces nothing');
select orrery.server_kind_set('arena', '{"args":["-v2"]}', 't');
select orrery_test.fleets_tick();
select is(pg_temp.versions() || '; ' || orrery_test.fleet_there(), '4 of 1, 1 of 2; 4 ready, 1 starting', 'one more, of the new version');
select orrery_test.fleets_tick();
select is(orrery_test.fleet_there(), '4 ready, 1 starting', 'nothing is stopped before it is ready');
select orrery_test.all_ready(), orrery_test.fleets_tick();
select is(orrery_test.fleet_there(), '4 ready, 1 stopping', 'then an old one is stopped');
do $$ begin for i in 1..12 loop perform orrery_test.all_gone(); perform orrery_test.fleets_tick(); perform orrery_test.all_ready(); end loop; end $$;
select is(pg_temp.versions(), '1 of 1, 3 of 2', 'all in the end');
select is((select key || ' ' || state from orrery.server where cluster = 't' and version = 1 and state <> 'stopped'), 'f-1 ready', 'but the one that somebody has');
update orrery.server set allocations = 0 where cluster = 't';
do $$ begin for i in 1..4 loop perform orrery_test.all_gone(); perform orrery_test.fleets_tick(); perform orrery_test.all_ready(); end loop; end $$;
select is(pg_temp.versions(), '4 of 2', 'until nobody has');

-- without surge
select orrery.fleet_set('f', '{"surge":0,"unavailable_max":2}', 't');
select orrery.server_kind_set('arena', '{"args":["-v3"]}', 't');
select orrery_test.fleets_tick();
select is(orrery_test.fleet_there(), '2 ready, 2 stopping', 'two may be away');
select orrery_test.fleets_tick();
select is(orrery_test.fleet_there() || '; ' || pg_temp.versions(), '2 ready, 2 starting, 2 stopping; 2 of 2, 2 of 3', 'their places are filled');

-- the new version fails
update orrery.server set failures = 3 where cluster = 't' and state = 'starting';
select orrery_test.all_gone(), orrery_test.fleets_tick();
select matches((select paused from orrery.fleet where fleet = 'f'), '^arena f-\d+: ', 'replacement is paused');
update orrery.server set failures = 0 where cluster = 't';
select orrery_test.all_ready(), orrery_test.fleets_tick();
select is(pg_temp.versions(), '2 of 2, 2 of 3', 'and stays so');
select throws_ok($$select orrery.fleet_resume('none', 't')$$, 'OR001', null, 'no such fleet');
select orrery.fleet_resume('f', 't');
do $$ begin for i in 1..4 loop perform orrery_test.all_gone(); perform orrery_test.fleets_tick(); perform orrery_test.all_ready(); end loop; end $$;
select is(pg_temp.versions(), '4 of 3', 'until it is resumed');
select throws_ok($$select orrery.fleet_resume('f', 't')$$, 'OR002', null, 'once');
update orrery.server set state = 'requested', rule = 'test', agent_id = null, failures = 3 where cluster = 't' and server_id = (select max(server_id) from orrery.server where fleet = 'f' and state = 'ready');
update orrery.server set state = 'failed', rule = 'test' where cluster = 't' and state = 'requested';
select orrery_test.fleets_tick(), orrery_test.fleets_tick();
select is(orrery_test.fleet_there(), '1 failed, 3 ready', 'what has failed for good is not started for ever under other names');
select orrery.server_kind_set('arena', '{"args":["-v4"]}', 't');
select orrery_test.fleets_tick();
select is((select paused from orrery.fleet where fleet = 'f'), null, 'another version is tried');
select isnt(orrery_test.fleet_there() ~ 'failed', true, 'and what failed makes room');
select * from finish();
rollback;

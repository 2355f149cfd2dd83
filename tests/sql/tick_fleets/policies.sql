-- Catches a policy that stops the tick, another fleet, or loses the last good size.
begin;
set local client_min_messages = error;
select no_plan();
select orrery_test.arenas_up();
create schema game;
create role game_owner;
grant usage on schema game to orrery_owner;
create function game.want(p_fleet jsonb) returns bigint language sql security definer as $$ select (p_fleet #>> '{args,n}')::bigint $$;
create function game.writes(p_fleet jsonb) returns bigint language sql security definer as $$
  delete from orrery.setting where false returning 1::bigint
$$;
alter function game.want owner to game_owner;
alter function game.writes owner to game_owner;
select orrery.setting_set('policy_retry_ms', 100);
create function pg_temp.fault() returns text language sql as $$ select f.size || ' ' || coalesce(f.fault, 'none') from orrery.fleet f where f.fleet = 'f' $$;
select orrery.fleet_set('f', '{"kind":"arena","policy":"game.want","policy_args":{"n":2}}', 't');
select orrery.fleet_set('z', '{"kind":"arena","policy_args":{"size":1}}', 't');
select orrery_test.fleets_tick();
select is(pg_temp.fault(), '2 none', 'a game''s policy');
create function pg_temp.fault_with(p_args text) returns text language plpgsql as $$
begin
  perform orrery.fleet_set('f', format('{"policy_args":%s}', p_args)::jsonb, 't');
  perform orrery_test.fleets_tick();
  return pg_temp.fault();
end
$$;
select matches(pg_temp.fault_with(args), '^2 policy game.want ' || fault, args)
from (values ('{}', 'answered null'), ('{"n":-1}', 'answered -1'), ('{"n":"x"}', 'failed: invalid input'), ('{"n":1e30}', 'failed: ')) v (args, fault);
select is(orrery_test.fleet_there('f') || '; ' || orrery_test.fleet_there('z'), '2 starting; 1 starting', 'nothing is stopped, and others go on');
select matches(fault, 'answered|failed', 'the first is an event') from (
  select reason as fault from orrery.event where noun = 'fleet' and noun_id = 'f' and rule = 'tick_failed' order by event_id limit 1) e;
select orrery.fleet_set('f', '{"policy":"game.writes"}', 't');
select orrery_test.fleets_tick();
select matches(pg_temp.fault(), '^2 policy game.writes failed: ', 'a policy writes nothing');
grant usage on schema game to game_owner;
create table game.mark (n integer);
alter table game.mark owner to game_owner;
create function game.meddles(p_fleet jsonb) returns bigint language plpgsql security definer as $$
begin
  insert into game.mark values (1);
  perform set_config('default_transaction_read_only', 'on', false), pg_advisory_xact_lock(77);
  return 1;
end
$$;
alter function game.meddles owner to game_owner;
select orrery.fleet_set('f', '{"policy":"game.meddles"}', 't');
select orrery_test.fleets_tick();
select is(pg_temp.fault(), '1 none', 'one that meddles is heard');
select is((select count(*) from game.mark), 0::bigint, 'but what it wrote is undone');
select is(current_setting('default_transaction_read_only'), 'off', 'and what it set');
select is((select count(*) from pg_locks where locktype = 'advisory' and objid = 77), 0::bigint, 'and what it locked');
select is((select fault from orrery.fleet_try('f', 'game.meddles', null, 't')), null, 'when it is tried as well');
select is((select count(*) from game.mark), 0::bigint, 'nothing stays');
select orrery.fleet_set('f', '{"policy":"game.want","policy_args":{"n":2}}', 't');
select orrery_test.fleets_tick();
select orrery.fleet_set('f', '{"policy":"game.writes"}', 't');
select orrery_test.fleets_tick();
drop function game.writes(jsonb);
update orrery.fleet set fault_at = fault_at - interval '1 minute';
select orrery_test.fleets_tick();
select matches(pg_temp.fault(), '^2 policy game.writes failed: ', 'one that is gone');
select orrery.fleet_set('f', '{"size_max":1}', 't');
select orrery_test.fleets_tick();
select matches(pg_temp.fault(), '^1 policy game.writes failed: ', 'bounds hold all the same');
select orrery.fleet_set('f', '{"policy":"game.want","policy_args":{"n":3},"size_max":9}', 't');
select orrery_test.fleets_tick();
select is(pg_temp.fault(), '3 none', 'asked for anew it is asked at once');
select * from finish();
rollback;

-- Catches a policy that is not asked, one whose failure keeps servers from being placed, and a filter that lets through what it must not.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.agent_heartbeat;
delete from orrery.port;
update orrery.agent set clusters = '{}';
select orrery_test.cluster_running('t');
select orrery.server_kind_set('arena', '{"command":"arena","cpu_millis":100,"memory_bytes":100}', 't');
select orrery_test.agent_up(name, format('{"cpus":1,"memory_bytes":1000,"labels":{"rack":"%s","region":"%s"}}', rack, region)::jsonb) is not null as up
from (values ('a', '1', 'eu'), ('b', '1', 'us'), ('c', '2', 'eu')) v (name, rack, region);
create function pg_temp.pick() returns text language sql as $$
  select a.name from orrery.placement_pick('t', 'arena') p join orrery.agent a on a.agent_id = p.agent_id
$$;
create function pg_temp.why() returns text language sql as $$ select reason from orrery.placement_pick('t', 'arena') $$;
create function pg_temp.on_agent(p_key text) returns text language sql as $$
  select a.name from orrery.server s join orrery.agent a on a.agent_id = s.agent_id where s.cluster = 't' and s.kind = 'arena' and s.key = p_key
$$;
select orrery.server_request('arena', '1', 't') ->> 'state' as state \gset
select is(pg_temp.on_agent('1'), 'a', 'all are empty');
select is(pg_temp.pick(), 'b', 'spread: not where one runs');
select orrery.server_kind_set('arena', '{"placement_function":"orrery.placement_packed"}', 't');
select is(pg_temp.pick(), 'a', 'packed: where one runs');
select matches(pg_temp.why(), '^highest of 3 by orrery.placement_packed: 10 % reserved$', 'and says so');
select orrery.server_kind_set('arena', '{"apart":"agent"}', 't');
select is(pg_temp.pick(), 'b', 'apart by agent');
select orrery.server_kind_set('arena', '{"apart":"rack"}', 't');
select is(pg_temp.pick(), 'c', 'apart by label');
select orrery.server_kind_set('arena', '{"apart":"row"}', 't');
select matches(pg_temp.why(), 'a lacks label row, b lacks label row', 'a label that none has');
select orrery.server_kind_set('arena', '{"apart":null,"agent_labels":{"region":"us"}}', 't');
select is(pg_temp.pick(), 'b', 'a label that one has');
select orrery.server_kind_set('arena', '{"agent_labels":{"region":"us","rack":"2"}}', 't');
select matches(pg_temp.why(), 'no agent with room: a lacks label rack=2, b lacks label rack=2, c lacks label region=us', 'two that none has');
select orrery.server_kind_set('arena', '{"agent_labels":{}}', 't');
update orrery.agent set servers_max = 1;
select is(pg_temp.pick(), 'b', 'one that may have no more');
select is((select string_agg(j.agent || ' ' || coalesce(j.no, 'suitable'), ', ' order by j.agent)
  from orrery.server_kind k, orrery.placement_judge(k) j where k.cluster = 't' and k.kind = 'arena'), 'a has its 1 server already, b suitable, c suitable', 'each has its verdict');
select is((select string_agg(j.agent, ' ') from orrery.server_kind k, orrery.agent a, orrery.placement_judge(k, p_agent_id => a.agent_id) j
  where k.cluster = 't' and k.kind = 'arena' and a.name = 'b'), 'b', 'or one alone');
update orrery.agent set servers_max = null;
create function pg_temp.agrees(p_function text) returns boolean language plpgsql as $$
begin
  perform orrery.server_kind_set('arena', jsonb_build_object('placement_function', p_function), 't');
  return (
    select bool_and(j.score = (orrery.placement_score(p_function, to_jsonb(k), jsonb_build_object('reserved', j.reserved,
      'cpu', (select b.cpu from orrery.agent_heartbeat b where b.agent_id = j.agent_id)))).score)
    from orrery.server_kind k, orrery.placement_judge(k) j where k.cluster = 't' and k.kind = 'arena' and j.no is null);
end
$$;
select ok(pg_temp.agrees('orrery.placement_spread'), 'spread scores as its function says');
select ok(pg_temp.agrees('orrery.placement_packed'), 'packed scores as its function says');

-- what a server reserved is what its kind said when it was placed
select orrery.server_kind_set('arena', '{"cpu_millis":1000}', 't');
select is(pg_temp.pick(), 'b', 'a whole cpu is free on the others alone');
select orrery.server_kind_set('arena', '{"cpu_millis":900}', 't');
select is(pg_temp.pick(), 'a', 'nine tenths beside one of a tenth');

-- a policy of the game
create schema game;
create role game_owner;
grant usage on schema game to orrery_owner;
create function game.like_c(p_kind jsonb, p_room jsonb) returns float8 language sql security definer as $$
  select case p_room ->> 'agent' when 'c' then 1 when 'b' then 0 end
$$;
create function game.fails(p_kind jsonb, p_room jsonb) returns float8 language sql security definer as $$ select 1 / (p_room ->> 'servers')::float8 - 1 $$;
create function game.nonsense(p_kind jsonb, p_room jsonb) returns float8 language sql security definer as $$ select 'NaN'::float8 $$;
alter function game.like_c owner to game_owner;
alter function game.fails owner to game_owner;
alter function game.nonsense owner to game_owner;
select orrery.server_kind_set('arena', '{"cpu_millis":1,"placement_function":"game.like_c"}', 't');
select is(pg_temp.pick(), 'c', 'what it likes');
update orrery.agent set drain_at = orrery.clock() where name in ('b', 'c');
select matches(pg_temp.why(), 'a is refused by game.like_c, b is draining', 'what it does not');
update orrery.agent set drain_at = null;
select orrery.server_kind_set('arena', '{"placement_function":"game.fails"}', 't');
select matches(pg_temp.why(), '^highest of 3 by game.fails: \d+ % reserved(; game.fails failed: division by zero)?$', 'one that fails for some is asked no more about them');
select orrery.server_kind_set('arena', '{"placement_function":"game.nonsense"}', 't');
select matches(pg_temp.why(), 'a is refused by game.nonsense', 'no number is no score');
select * from finish();
rollback;

-- Catches a command that is done where it cannot be, or that the game does not know.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'grid', 'aldra-1') as ann \gset
create function pg_temp.run(p_character bigint, p_kind text, p_key text, p_name text, p_args jsonb default '{}') returns jsonb language sql as $$
  select space.command_run('t', p_character, p_kind, p_key, p_name, p_args) $$;
select is(pg_temp.run(:ann, 'grid', 'aldra-1', 'mine', '{"ore":"cobalt","units":10}'), '{"ore":"cobalt","units":10,"cargo":{"cobalt":10}}', 'mine, and what is on board then');
select is(pg_temp.run(:ann, 'station', 'aldra-gate', 'unload'), '{"hangar":{"cobalt":10},"cargo":{}}', 'unload');
select is(pg_temp.run(:ann, 'station', 'aldra-gate', 'load', '{"ore":"cobalt","units":4}'), '{"hangar":{"cobalt":6},"cargo":{"cobalt":4}}', 'load');
select pg_temp.run(:ann, 'grid', 'aldra-1', 'jettison', '{"ore":"cobalt","units":3}') as j \gset
select is(:'j'::jsonb -> 'cargo', '{"cobalt":1}', 'jettison');
select is(pg_temp.run(:ann, 'grid', 'aldra-1', 'loot', jsonb_build_object('junk', :'j'::jsonb -> 'junk')) -> 'cargo', '{"cobalt":4}', 'loot');
select throws_ok(format('select space.command_run(''t'', %s, %L, ''x'', %L, ''{}'')', :ann, kind, name), 'OR002', format('%s is for a %s', name, other), name || ' at a ' || kind)
from (values ('station', 'mine', 'grid'), ('station', 'jettison', 'grid'), ('station', 'loot', 'grid'), ('grid', 'load', 'station'), ('grid', 'unload', 'station')) t (kind, name, other);
select throws_ok(format('select space.command_run(''t'', %s, ''grid'', ''aldra-1'', ''dance'', ''{}'')', :ann), 'OR001', 'no command dance', 'unknown');
select is((select handler from orrery.hook where hook = 'command'), 'space.command_run', 'it is what session_command calls');
-- as a zone calls it
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
select orrery_test.playing(:grid, :ann) as s \gset
select is(orrery_test.command(:grid, :'s', 1, 'mine', '{"ore":"cobalt","units":10}') #> '{result,cargo}', '{"cobalt":14}', 'ordered by a player');
select is(orrery_test.command(:grid, :'s', 1, 'mine', '{"ore":"cobalt","units":10}') #> '{result,cargo}', '{"cobalt":14}', 'once');
select is(space.cargo_of(:ann), '{"cobalt":14}', 'by what is on board too');
select is(orrery_test.command(:grid, :'s', 2, 'mine', '{"ore":"gold","units":10}') #>> '{error,code}', 'OR001', 'refused in words for him');
select is(orrery_test.command(:grid, :'s', 2, 'jettison', '{"ore":"cobalt"}') #> '{result,cargo}', '{}', 'his number is free then');
select is((orrery_test.answer(:grid, 'server_sync', '''[]'', 0') #> '{news,-1,body,junk}') - 'id', '{"ore":"cobalt","units":14,"x_cm":100000,"y_cm":100000}', 'his grid hears of it');
select * from finish();
rollback;

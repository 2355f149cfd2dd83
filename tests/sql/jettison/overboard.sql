-- Catches ore that is thrown away and stays on board, or drifts where no grid knows of it.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'grid', 'aldra-1') as ann \gset
insert into space.cargo values ('t', :ann, 'cobalt', 50), ('t', :ann, 'iridium', 6);
select space.jettison('t', :ann, 'grid', 'aldra-1', '{"ore":"cobalt","units":20,"x_cm":5,"y_cm":200000}') ->> 'junk' as one \gset
select space.jettison('t', :ann, 'grid', 'aldra-1', '{"ore":"iridium"}') ->> 'junk' as two \gset
select is(space.cargo_of(:ann), '{"cobalt":30}', 'it is not on board any more');
select results_eq($$select kind, key, ore, units, x_cm, y_cm from space.junk order by junk_id$$,
  $$values ('grid', 'aldra-1', 'cobalt', 20, 5, 200000), ('grid', 'aldra-1', 'iridium', 6, 100000, 100000)$$, 'where the ship was, or in the middle');
select results_eq($$select key, body from orrery.world_news order by number$$, format($$values ('aldra-1', '{"junk":{"id":%s,"ore":"cobalt","units":20,"x_cm":5,"y_cm":200000}}'::jsonb),
  ('aldra-1', '{"junk":{"id":%s,"ore":"iridium","units":6,"x_cm":100000,"y_cm":100000}}')$$, :one, :two), 'the grid has news of it');
select is(space.world('t', 'grid', 'aldra-1') -> 'junk' -> 1, format('{"id":%s,"ore":"iridium","units":6,"x_cm":100000,"y_cm":100000}', :two)::jsonb, 'a grid that starts finds it');
select is(space.world('t', 'grid', 'aldra-2') -> 'junk', '[]', 'that one alone');
select throws_ok(format('select space.jettison(''t'', %s, ''grid'', ''aldra-1'', %L)', :ann, a), 'OR003', null, a)
from unnest(array['{"ore":"cobalt","x_cm":200001}', '{"ore":"cobalt","y_cm":-1}', '{"ore":"cobalt","units":0}']) a;
select throws_ok(format('select space.jettison(''t'', %s, ''grid'', ''aldra-1'', ''{"ore":"cobalt","units":31}'')', :ann), 'OR002', null, 'more than he has');
insert into space.junk (cluster, kind, key, ore, units, x_cm, y_cm, made_at) select 't', 'grid', 'aldra-1', 'cobalt', 1, n, n, now() from generate_series(1, 198) n;
select throws_ok(format('select space.jettison(''t'', %s, ''grid'', ''aldra-1'', ''{"ore":"cobalt"}'')', :ann), 'OR006', null, 'a grid is no dump');
select lives_ok(format('select space.jettison(''t'', %s, ''grid'', ''aldra-2'', ''{"ore":"cobalt"}'')', :ann), 'another has room');
select * from finish();
rollback;

-- Catches a server without a world, or with one that does not exist.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select is(space.world('t', 'station', 'velo-yards'), '{"name":"Velo Yards","size_m":200,"exits":[{"kind":"grid","key":"velo-1","name":"Velo 1"}]}'::jsonb, 'a station');
update space.place set seed = 7 where key = 'aldra-2';
select is(space.world('t', 'grid', 'aldra-2'), '{"name":"Aldra 2","size_m":2000,"exits":[{"kind":"grid","key":"aldra-1","name":"Aldra 1"},{"kind":"grid","key":"aldra-3","name":"Aldra 3"}],
  "asteroids":{"seed":7,"ores":["cobalt","ferrite","iridium"]},"junk":[]}'::jsonb, 'a grid');
select throws_ok('select space.world(''t'', ''grid'', ''velo-yards'')', 'OR001', null, 'of another kind');
select throws_ok('select space.world(''u'', ''station'', ''velo-yards'')', 'OR001', null, 'of another cluster');
select throws_ok('select space.world(null, null, null)', 'OR001', null, 'null');
select * from finish();
rollback;

-- Catches a server without a world, or with one that does not exist.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select is(space.world('t', 'station', 'velo-yards'), '{"name":"Velo Yards","size_m":200}'::jsonb, 'a station');
select throws_ok('select space.world(''t'', ''grid'', ''velo-yards'')', 'OR001', null, 'of another kind');
select throws_ok('select space.world(''u'', ''station'', ''velo-yards'')', 'OR001', null, 'of another cluster');
select throws_ok('select space.world(null, null, null)', 'OR001', null, 'null');
select * from finish();
rollback;

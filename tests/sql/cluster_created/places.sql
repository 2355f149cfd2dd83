-- Catches a cluster that players can be nowhere in.
begin;
select no_plan();
select orrery.cluster_create('fresh');
select is((select string_agg(kind || ' ' || n, ',' order by kind) from (select kind, count(*) as n from space.place where cluster = 'fresh' group by kind) k), 'grid 12,station 4', 'its places');
select is((select string_agg(kind, ',' order by kind) from orrery.server_kind where cluster = 'fresh' and role = 'zone' and world_function = 'space.world'), 'grid,station', 'its kinds');
select lives_ok('select space.cluster_created(''fresh'')', 'again does no harm');
select is((select count(*)::int from space.place where cluster = 'fresh'), 16, 'and doubles nothing');
select * from finish();
rollback;

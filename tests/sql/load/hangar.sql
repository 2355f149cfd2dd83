-- Catches ore that comes out of a hangar and stays in it, or that was never there.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'station', 'velo-yards') as ann \gset
insert into space.hangar values ('t', 'station', 'velo-yards', :ann, 'cobalt', 900), ('t', 'station', 'velo-yards', :ann, 'iridium', 600), ('t', 'station', 'aldra-gate', :ann, 'ferrite', 5);
select is(space.load('t', :ann, 'station', 'velo-yards', '{"ore":"cobalt","units":500}'), '{"hangar":{"cobalt":400,"iridium":600}}', 'a part');
select is(space.load('t', :ann, 'station', 'velo-yards', '{"ore":"cobalt"}'), '{"hangar":{"iridium":600}}', 'the rest');
select is(space.cargo_of(:ann), '{"cobalt":900}', 'is on board');
select throws_ok(format('select space.load(''t'', %s, ''station'', ''velo-yards'', ''{"ore":"iridium"}'')', :ann), 'OR006', null, 'no room');
select throws_ok(format('select space.load(''t'', %s, ''station'', ''velo-yards'', ''{"ore":"iridium","units":601}'')', :ann), 'OR002', null, 'more than there is');
select throws_ok(format('select space.load(''t'', %s, ''station'', ''velo-yards'', ''{"ore":"ferrite"}'')', :ann), 'OR002', null, 'what is elsewhere');
select is(space.hangar_of(:ann, 'station', 'velo-yards'), '{"iridium":600}', 'nothing was taken');
select * from finish();
rollback;

-- Catches ore that is lost, or doubled, between hold and hangar.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'station', 'velo-yards') as ann \gset
insert into space.cargo values ('t', :ann, 'cobalt', 50), ('t', :ann, 'iridium', 6);
select is(space.unload('t', :ann, 'station', 'velo-yards', '{"ore":"cobalt","units":20}'), '{"hangar":{"cobalt":20}}', 'a part');
select is(space.unload('t', :ann, 'station', 'velo-yards', '{"ore":"cobalt"}'), '{"hangar":{"cobalt":50}}', 'all of one');
select is(space.unload('t', :ann, 'station', 'velo-yards', '{}'), '{"hangar":{"cobalt":50,"iridium":6}}', 'everything');
select is(space.cargo_of(:ann), '{}', 'the hold is empty');
select throws_ok(format('select space.unload(''t'', %s, ''station'', ''velo-yards'', ''{}'')', :ann), 'OR002', 'the hold is empty', 'and has nothing more');
select throws_ok(format('select space.unload(''t'', %s, ''station'', ''velo-yards'', ''{"ore":"cobalt","units":1}'')', :ann), 'OR002', null, 'not of one either');
select * from finish();
rollback;

-- Catches a hangar that shows what is in another.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'grid', 'aldra-1') as ann, orrery_test.character_made('Bea', 'grid', 'aldra-1') as bea \gset
insert into space.hangar values ('t', 'station', 'velo-yards', :ann, 'cobalt', 5), ('t', 'station', 'aldra-gate', :ann, 'cobalt', 6), ('t', 'station', 'velo-yards', :bea, 'iridium', 7);
select is(space.hangar_of(:ann, 'station', 'velo-yards'), '{"cobalt":5}', 'hers, here');
select is(space.hangar_of(:ann, 'station', 'tasket-deep'), '{}', 'none elsewhere');
select * from finish();
rollback;

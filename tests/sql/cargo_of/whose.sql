-- Catches cargo that is shown as another's.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'grid', 'aldra-1') as ann, orrery_test.character_made('Bea', 'grid', 'aldra-1') as bea \gset
insert into space.cargo values ('t', :ann, 'cobalt', 5), ('t', :ann, 'iridium', 6), ('t', :bea, 'cobalt', 7);
insert into space.hangar values ('t', 'station', 'velo-yards', :ann, 'cobalt', 9);
select is(space.cargo_of(:ann), '{"cobalt":5,"iridium":6}', 'her own, on board');
select is(space.cargo_of(-1), '{}', 'of nobody');
select set_eq('select cluster, character, kind, key, ore, units from space.cargo_list', $$values ('t', 'Ann', null, null, 'cobalt', 5), ('t', 'Ann', null, null, 'iridium', 6),
  ('t', 'Bea', null, null, 'cobalt', 7), ('t', 'Ann', 'station', 'velo-yards', 'cobalt', 9)$$, 'the list shows hangars too');
select * from finish();
rollback;

-- Catches more taken out of a hold than was in it.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'grid', 'aldra-1') as ann \gset
insert into space.cargo values ('t', :ann, 'cobalt', 50), ('t', :ann, 'iridium', 6);
select is(space.cargo_take(:ann, 'cobalt', 20), 20::bigint, 'a part');
select is(space.cargo_of(:ann), '{"cobalt":30,"iridium":6}', 'the rest stays');
select throws_ok(format('select space.cargo_take(%s, ''cobalt'', 31)', :ann), 'OR002', 'there are 30 units of cobalt on board', 'more than there is');
select throws_ok(format('select space.cargo_take(%s, ''ferrite'', null)', :ann), 'OR002', null, 'all of nothing');
select is(space.cargo_take(:ann, 'cobalt', null), 30::bigint, 'all');
select is(space.cargo_take(:ann, 'iridium', 6), 6::bigint, 'all there is');
select is(space.cargo_of(:ann), '{}', 'nothing is left');
select * from finish();
rollback;

-- Catches ore out of nothing: more at once than a ship can mine, or a number that is none.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'grid', 'aldra-1') as ann \gset
select is(space.mine('t', :ann, '{"ore":"iridium","units":100}'), '{"ore":"iridium","units":100}', 'the most at once');
select throws_ok(format('select space.mine(''t'', %s, %L)', :ann, a), 'OR003', null, a)
from unnest(array['{"ore":"iridium"}', '{"ore":"iridium","units":101}', '{"ore":"iridium","units":0}', '{"ore":"iridium","units":-5}', '{"ore":"iridium","units":"5"}']) a;
select throws_ok(format('select space.mine(''t'', %s, ''{"ore":"gold","units":1}'')', :ann), 'OR001', null, 'no such ore');
update space.cargo set units = 950 where character_id = :ann;
select throws_ok(format('select space.mine(''t'', %s, ''{"ore":"cobalt","units":51}'')', :ann), 'OR006', null, 'no room');
select is(space.cargo_of(:ann), '{"iridium":950}', 'nothing was added');
select * from finish();
rollback;

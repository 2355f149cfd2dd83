-- Catches a hold that takes more than it has room for.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'grid', 'aldra-1') as ann, orrery_test.character_made('Bea', 'grid', 'aldra-1') as bea \gset
select space.cargo_add('t', :ann, 'cobalt', 600), space.cargo_add('t', :ann, 'ferrite', 300), space.cargo_add('t', :ann, 'cobalt', 99);
select is(space.cargo_of(:ann), '{"cobalt":699,"ferrite":300}', 'added up by ore');
select is(orrery_test.refusal(format('select space.cargo_add(''t'', %s, ''ferrite'', 2)', :ann)),
  '{"code":"OR006","message":"the hold is full","detail":"It has room for 1 more of 1000 units.","hint":"There is room for 1 more: unload at a station."}', 'in all, and says how much there is room for');
select lives_ok(format('select space.cargo_add(''t'', %s, ''ferrite'', 1)', :ann), 'to the last unit');
select throws_ok(format('select space.cargo_add(''t'', %s, ''iridium'', 1)', :ann), 'OR006', null, 'and no further');
select lives_ok(format('select space.cargo_add(''t'', %s, ''iridium'', 1000)', :bea), 'each ship has its own');
select * from finish();
rollback;

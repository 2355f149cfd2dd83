-- Catches a character at a place that does not exist.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat');
select orrery.character_create('Pat', 'Ann', 'station', 'velo-yards', 't') as ann \gset
select is((select (name, kind, key)::text from orrery.character where character_id = :ann), '(Ann,station,velo-yards)', 'at its place');
select throws_ok('select orrery.character_create(''nobody'', ''B'', ''grid'', ''aldra-1'', ''t'')', 'OR001', null, 'unknown account');
select throws_ok('select orrery.character_create(''pat'', ''B'', ''planet'', ''aldra-1'', ''t'')', 'OR001', null, 'unknown kind');
select throws_ok('select orrery.character_create(''pat'', ''B'', ''login'', ''main'', ''t'')', 'OR001', null, 'a kind nobody can be at');
select throws_ok('select orrery.character_create(''pat'', ''B'', ''grid'', ''nowhere'', ''t'')', 'OR001', null, 'unknown key');
select throws_ok('select orrery.character_create(''pat'', ''B'', ''grid'', null, ''t'')', 'OR001', null, 'null');
select throws_ok('select orrery.character_create(''pat'', '''', ''grid'', ''aldra-1'', ''t'')', 'OR003', null, 'no name');
select throws_ok('select orrery.character_create(''pat'', ''aNN'', ''grid'', ''aldra-1'', ''t'')', 'OR008', null, 'the name in other letters');
select * from finish();
rollback;

-- Catches a character shown with what it does not learn, or with what one of the same number learns in another cluster.
begin;
select no_plan();
select orrery_test.cluster_running('t'), orrery_test.cluster_running('u');
select orrery_test.account_made('t', 'pat');
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann, orrery.character_create('pat', 'Bob', 'grid', 'aldra-1', 't') as bob \gset
select is(space.character_details('t', array[:ann]) -> :'ann', '{"skills":{},"training":null}', 'of a beginner');
insert into space.character_skill values ('t', :ann, 'mining', 2), ('t', :ann, 'navigation', 1), ('t', :bob, 'mining', 5);
select space.skill_train('Ann', 'navigation', 't');
select is(space.character_details('t', array[:ann]) -> :'ann' -> 'skills', '{"mining":2,"navigation":1}', 'its skills');
select is(space.character_details('t', array[:ann]) -> :'ann' #- '{training,finishes_at}' -> 'training', '{"skill":"navigation","to_level":2}', 'what it learns');
select is((space.character_details('t', array[:ann]) -> :'ann' #>> '{training,finishes_at}')::timestamptz, (select finishes_at from space.skill_training where character_id = :ann), 'and until when');
select is(space.character_details('t', array[:bob]) -> :'bob', '{"skills":{"mining":5},"training":null}', 'not another''s');
select is(space.character_details('u', array[:ann]) -> :'ann', '{"skills":{},"training":null}', 'nor in another cluster');
select is(space.character_details(null, null), '{}', 'null is nobody');
select is(space.character_details('t', array[:bob, null, :ann]) -> :'bob', '{"skills":{"mining":5},"training":null}', 'each of many its own');
select * from finish();
rollback;

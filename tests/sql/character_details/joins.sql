-- Catches details that are not of this character.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat');
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
insert into space.character_skill values ('t', :ann, 'mining', 2);
select is(orrery.character_details('t', :ann), '{"skills":{"mining":2},"training":null}'::jsonb, 'what the game says');
select is(orrery.character_details('t', -1), '{"skills":{},"training":null}'::jsonb, 'of nobody');
delete from orrery.hook where hook = 'character_details';
select is(orrery.character_details('t', :ann), '{}'::jsonb, 'without a game, nothing');
select * from finish();
rollback;

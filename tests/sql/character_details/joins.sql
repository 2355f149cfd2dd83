-- Catches details that are not of this character.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat');
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
insert into space.character_skill values ('t', :ann, 'mining', 2);
select orrery.character_create('pat', 'Bea', 'grid', 'aldra-1', 't') as bea \gset
select is(orrery.character_details('t', array[:ann, :bea]), jsonb_build_object(:ann, '{"skills":{"mining":2},"training":null}'::jsonb, :bea, '{"skills":{},"training":null}'::jsonb), 'what the game says, of each');
select is(orrery.character_details('t', array[-1]) -> '-1', '{"skills":{},"training":null}'::jsonb, 'of nobody');
select is(orrery.character_details('t', '{}'), '{}', 'of none');
create function orrery_test.tells(p_cluster text, p_character_ids bigint[]) returns jsonb language plpgsql as $$ begin
  return (select jsonb_object_agg(i, jsonb_build_object('inverse', 1 / (i + (select -c.character_id from orrery.character c where c.name = 'Bea')))) from unnest(p_character_ids) i); end $$;
create function orrery_test.babbles(p_cluster text, p_character_ids bigint[]) returns jsonb language sql as $$ select jsonb_object_agg(i, 7) from unnest(p_character_ids) i $$;
create function orrery_test.silent(p_cluster text, p_character_ids bigint[]) returns jsonb language sql as $$ select null::jsonb $$;
insert into orrery.hook values ('character_details', 'orrery_test.tells'), ('character_details', 'orrery_test.babbles'), ('character_details', 'orrery_test.silent');
set local client_min_messages = error;
select is(orrery.character_details('t', array[:ann, :bea]) -> :'bea', '{"skills":{},"training":null}', 'a game that fails for one leaves what others say');
select isnt(orrery.character_details('t', array[:ann, :bea]) -> :'ann' -> 'inverse', null, 'and is heard of the other');
delete from orrery.hook where hook = 'character_details';
select is(orrery.character_details('t', array[:ann]), jsonb_build_object(:ann, '{}'::jsonb), 'without a game, nothing');
select * from finish();
rollback;

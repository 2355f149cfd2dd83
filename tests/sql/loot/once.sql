-- Catches junk that two take, that is taken from afar, or that is gone although nobody has it.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.character_made('Ann', 'grid', 'aldra-1') as ann, orrery_test.character_made('Bea', 'grid', 'aldra-1') as bea \gset
insert into space.junk (cluster, kind, key, ore, units, x_cm, y_cm, made_at) values ('t', 'grid', 'aldra-1', 'cobalt', 700, 1, 1, now()) returning jsonb_build_object('junk', junk_id) as one \gset
insert into space.junk (cluster, kind, key, ore, units, x_cm, y_cm, made_at) values ('t', 'grid', 'aldra-1', 'iridium', 400, 1, 1, now()) returning jsonb_build_object('junk', junk_id) as two \gset
create function pg_temp.loot(p_character bigint, p_key text, p_args jsonb) returns text language sql as $$
  select orrery_test.refusal(format('select space.loot(''t'', %s, ''grid'', %L, %L)', p_character, p_key, p_args)) ->> 'code' $$;
select is(pg_temp.loot(:ann, 'aldra-2', :'one'), 'OR001', 'not from another grid');
select is(pg_temp.loot(:ann, 'aldra-1', :'one'), null, 'whoever is first');
select is(pg_temp.loot(:bea, 'aldra-1', :'one'), 'OR001', 'nobody else');
select is((space.cargo_of(:ann), space.cargo_of(:bea))::text, '("{""cobalt"": 700}",{})', 'has it');
select results_eq('select key, body from orrery.world_news', format($$values ('aldra-1', jsonb_build_object('junk_gone', %L::jsonb -> 'junk'))$$, :'one'), 'the grid has news of it');
select is(pg_temp.loot(:ann, 'aldra-1', :'two'), 'OR006', 'who has no room');
select is((select sum(units) from space.junk), 400::bigint, 'leaves it');
select is(pg_temp.loot(:bea, 'aldra-1', :'two'), null, 'for others');
select is(pg_temp.loot(:bea, 'aldra-1', '{}'), 'OR001', 'nothing named');
select is(pg_temp.loot(:bea, 'aldra-1', '{"junk":"x"}'), 'OR003', 'no number');
select * from finish();
rollback;

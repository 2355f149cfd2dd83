-- Catches training of what cannot be learned, or of two things at a time.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat');
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select throws_ok('select space.skill_train(''Bob'', ''mining'', ''t'')', 'OR001', null, 'unknown character');
select throws_ok('select space.skill_train(null, ''mining'', ''t'')', 'OR001', null, 'nobody');
select throws_ok('select space.skill_train(''Ann'', ''cooking'', ''t'')', 'OR001', null, 'unknown skill');
insert into space.character_skill select 't', :ann, 'mining', level_max from space.skill where skill = 'mining';
select throws_ok('select space.skill_train(''Ann'', ''mining'', ''t'')', 'OR002', null, 'known in full');
select space.skill_train('Ann', 'gunnery', 't');
select throws_ok('select space.skill_train(''Ann'', ''navigation'', ''t'')', 'OR002', null, 'learns already');
select is((select string_agg(skill, ',') from space.skill_training where character_id = :ann), 'gunnery', 'and goes on with it');
select is((select count(*)::int from orrery.timer where cluster = 't' and timer_kind = 'skill_training'), 1, 'one timer');
select * from finish();
rollback;

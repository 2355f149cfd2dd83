-- Catches training that is stuck for ever once its timer was cancelled.
begin;
set local client_min_messages = warning;
select plan(4);
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat');
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select space.skill_train('Ann', 'gunnery', 't') as due \gset
select is(space.skill_train('Ann', 'gunnery', 't'), :'due'::timestamptz, 'asked again it answers the same');
select is((select count(*)::int from orrery.timer where cluster = 't'), 1, 'with one timer');
select orrery.timer_cancel('skill_training', :'ann', 't');
select space.skill_train('Ann', 'gunnery', 't');
select is((select due_at from orrery.timer where cluster = 't'), :'due'::timestamptz, 'a cancelled timer is set again');
select throws_ok('select space.skill_train(''Ann'', ''mining'', ''t'')', 'OR002', null, 'another skill is refused all the same');
select * from finish();
rollback;

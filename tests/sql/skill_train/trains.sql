-- Catches training that is not finished by the tick, or is finished twice.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat');
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select space.skill_train('ann', 'navigation', 't');
select is((select finishes_at - started_at from space.skill_training where character_id = :ann), '60 seconds'::interval, 'a level takes so long');
select results_eq('select character, skill, level, training from space.skill_status where cluster = ''t''', $$values ('Ann', 'navigation', 0, 1)$$, 'it shows');
select orrery.tick_timers();
select is((select level from space.skill_status where cluster = 't'), 0, 'not before it is due');
select orrery.timer_schedule('skill_training', :'ann', orrery.clock() - interval '1 second', '{}', 't');
select orrery.tick_timers();
select results_eq('select character, skill, level, training from space.skill_status where cluster = ''t''', $$values ('Ann', 'navigation', 1, null::int)$$, 'learned');
select orrery.tick_timers();
select is((select level from space.skill_status where cluster = 't'), 1, 'once');
select is((select reason from orrery.event where rule = 'skill_training_fire' and cluster = 't'), 'learned navigation 1', 'with an event');
select space.skill_train('Ann', 'navigation', 't');
select is((select to_level from space.skill_training where character_id = :ann), 2, 'the next level is next');
select is((select count(*)::int from orrery.timer_parked where cluster = 't'), 0, 'nothing was parked');
select * from finish();
rollback;

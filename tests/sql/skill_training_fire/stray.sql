-- Catches a timer that teaches a character what it does not learn, or that holds up those that do.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat');
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann, orrery.character_create('pat', 'Bea', 'grid', 'aldra-1', 't') as bea \gset
select space.skill_train('Ann', 'mining', 't');
select orrery.timer_schedule('skill_training', k, orrery.clock() - interval '1 second', '{}', 't') from unnest(array[:'ann', :'bea', 'nobody']) k;
select orrery.tick_timers();
select results_eq('select character, skill, level from space.skill_status where cluster = ''t''', $$values ('Ann', 'mining', 1)$$, 'only she who learns');
select is((select count(*)::int from orrery.timer_parked where cluster = 't'), 0, 'what is no character fails nobody');
select is((select count(*)::int from orrery.timer where cluster = 't'), 0, 'no timer is left');
-- A DBA of another cluster schedules it for her.
select orrery_test.cluster_running('u');
select space.skill_train('Ann', 'mining', 't');
select orrery.timer_schedule('skill_training', :'ann', orrery.clock() - interval '1 second', '{}', 'u');
select orrery.tick_timers();
select is((select level from space.skill_status where cluster = 't' and character = 'Ann'), 1, 'a timer of another cluster teaches nothing');
select * from finish();
rollback;

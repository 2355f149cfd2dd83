-- Catches an answer that was lost and is not given again, or given for what was not asked.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'a', 'grid', 'aldra-1') as s \gset
select character_id as c, epoch as e from orrery_test.player \gset
select is(orrery.session_was_handed(:s, :grid, :e, :c, 'station', 'aldra-gate'), false, 'not yet');
select orrery_test.handed(:grid, 'a', 'station', 'aldra-gate');
select is(orrery.session_was_handed(:s, :grid, :e, :c, 'station', 'aldra-gate'), true, 'it was');
select is(orrery.session_was_handed(:s, :grid, :e, :c, 'grid', 'aldra-2'), false, 'to no other place');
select is(orrery.session_was_handed(:s, :grid, :e - 1, :c, 'station', 'aldra-gate'), false, 'not under another epoch');
select is(orrery.session_was_handed(:s, :login, :e, :c, 'station', 'aldra-gate'), false, 'not by another server');
select is(orrery.session_was_handed(:s, :grid, :e, :c + 1, 'station', 'aldra-gate'), false, 'not as another character');
select is(orrery.session_was_handed(-1, :grid, :e, :c, 'station', 'aldra-gate'), false, 'no session');
update orrery.session set state = 'orphaned';
select is(orrery.session_was_handed(:s, :grid, :e, :c, 'station', 'aldra-gate'), false, 'it lost its server');
select * from finish();
rollback;

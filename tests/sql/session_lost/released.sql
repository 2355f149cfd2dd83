-- Catches a server that drops what it is to save.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'a', 'grid', 'aldra-1') as s \gset
select epoch as e, account_id as a from orrery_test.player \gset
select orrery_test.opened(:login, :a);
select is(orrery.session_lost('7', :s, :e), jsonb_build_object('ref', 7, 'error', jsonb_build_object('code', 'OR007', 'message', format('session %s, epoch %s, is to be released: superseded', :s, :e),
  'hint', 'Save and end it, as server_sync tells.')), 'whose epoch is its own is told so');
select is(orrery.session_lost('7', :s, :e - 1) #>> '{error,hint}', format('It is playing at server %s under epoch %s: drop what is held of it.', :grid, :e), 'of another epoch not');
select * from finish();
rollback;

-- Catches an end without a known reason.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select throws_ok(format('select orrery.session_end(%s, null)', orrery_test.me(:login)), 'OR003', null, 'null');
select throws_ok(format('select orrery.session_end(%s, %L)', orrery_test.me(:login), '{}'), 'OR003', null, 'no array');
select throws_ok(format('select orrery.session_end(%s, %L)', orrery_test.me(:login),
  jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e, 'reason', 'boredom'))), 'OR003', null, 'an unknown reason');
select lives_ok(format('select orrery.session_end(%s, %L)', orrery_test.me(:login), '[]'), 'none');
select is((select state from orrery.session where session_id = :s), 'selecting', 'nothing has changed');
select * from finish();
rollback;

-- Catches a session that arrives although it is to end, or is to be ended without a reason.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select orrery_test.selected(:login, :s, :e, :ann) #>> '{owner,epoch}' as e2 \gset
select is(jsonb_array_length(orrery_test.answer(:grid, 'server_sync') -> 'arrivals'), 1, 'it arrives');
select orrery_test.opened(:login, :pat);
select is(orrery_test.answer(:grid, 'server_sync') - 'ended', jsonb_build_object('arrivals', '[]'::jsonb, 'release', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'reason', 'superseded'))), 'and is not taken any more');
select orrery_test.answer(:grid, 'session_end', quote_literal(jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'reason', 'superseded'))));
select is(orrery_test.answer(:grid, 'server_sync'), '{"ended":[],"release":[],"arrivals":[]}', 'nothing more');
select * from finish();
rollback;

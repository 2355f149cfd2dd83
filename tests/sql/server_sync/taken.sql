-- Catches an arrival that is told for ever, or no more although the server never took it.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.selected(:login, :s, :e, :one) #>> '{owner,epoch}' as e2 \gset
select is(jsonb_array_length(orrery_test.answer(:grid, 'server_sync') -> 'arrivals'), 1, 'told');
select is(jsonb_array_length(orrery_test.answer(:grid, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e, 'role', 'owner')))) -> 'arrivals'),
  1, 'told again: what was taken is of another epoch');
select is(jsonb_array_length(orrery_test.answer(:chat, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner')))) -> 'arrivals'),
  1, 'another server takes nothing of the owner''s');
select is(jsonb_array_length(orrery_test.answer(:grid, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner')))) -> 'arrivals'),
  0, 'taken');
select is(jsonb_array_length(orrery_test.answer(:chat, 'server_sync') -> 'arrivals'), 1, 'chat has not taken its own yet');
select throws_ok(format('select orrery.server_sync(%s, null)', orrery_test.me(:grid)), 'OR003', null, 'null');
select throws_ok(format('select orrery.server_sync(%s, ''{}'')', orrery_test.me(:grid)), 'OR003', null, 'no array');
select * from finish();
rollback;

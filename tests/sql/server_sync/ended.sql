-- Catches an owner that never hears of an end it did not cause, even when its report of the arrival crosses it, or comes again.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.selected(:login, :s, :e, :one) #>> '{owner,epoch}' as e2 \gset
select format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner'))) as taken,
  format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner', 'ended', true))) as heard \gset
select orrery_test.answer(:grid, 'server_sync');
select is(jsonb_array_length(orrery_test.answer(:grid, 'server_sync', :'heard') -> 'arrivals'), 1, 'no end is heard of what goes on');
update orrery.session set state = 'ended', rule = 'test', reason = 'kicked', taken = false where session_id = :s;
select orrery_test.answer(:grid, 'server_sync', :'taken') as a \gset
select is(:'a'::jsonb, jsonb_build_object('arrivals', '[]'::jsonb, 'release', '[]'::jsonb, 'ended',
  jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner', 'reason', 'kicked'))), 'told although the arrival was reported as taken');
select is(jsonb_array_length(orrery_test.answer(:grid, 'server_sync') -> 'ended'), 1, 'until it is reported');
select is(jsonb_array_length(orrery_test.answer(:grid, 'server_sync', :'taken') -> 'ended'), 1, 'the report of the arrival, made again, is not that of the end');
select is(orrery_test.answer(:grid, 'server_sync', :'heard') -> 'ended', '[]', 'and then no more');
select * from finish();
rollback;

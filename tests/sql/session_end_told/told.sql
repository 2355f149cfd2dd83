-- Catches a session ended behind the back of its server.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.selected(:login, :s, :e, :ann) #>> '{owner,epoch}' as e2 \gset
select orrery_test.answer(:grid, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner'))));
delete from orrery.command where verb = 'tell';
create function pg_temp.told(p_server bigint, p_tell text) returns bigint language sql as $$ select count(*) from orrery.command where server_id = p_server and verb = 'tell' and payload ->> 'tell' = p_tell and state = 'pending' $$;
select orrery.session_end_told(array[:s, -1], 'test', 'why');
select is((select state || ': ' || reason from orrery.session where session_id = :s), 'ended: why', 'it ends');
select is(pg_temp.told(:grid, 'sync') + 10 * pg_temp.told(:chat, 'sync'), 11::bigint, 'its servers are told');
select is(orrery_test.answer(:grid, 'server_sync') -> 'ended', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner', 'reason', 'why')), 'and which, and why');
select orrery.session_end_told(array[:s], 'test', 'again');
select is((select reason from orrery.session where session_id = :s), 'why', 'an ended one stays');
select lives_ok('select orrery.session_end_told(null, ''test'', ''x'')', 'none');
select * from finish();
rollback;

-- Catches a tell to a server that is not there.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
create function pg_temp.told(p_server bigint, p_tell text) returns bigint language sql as $$ select count(*) from orrery.command where server_id = p_server and verb = 'tell' and payload ->> 'tell' = p_tell and state = 'pending' $$;
select orrery_test.server_made('t', 'grid', 'aldra-2', 'stopping') as stopping, orrery_test.server_made('t', 'grid', 'aldra-3', 'requested') as requested \gset
select orrery.session_tell(array[:grid, :stopping, :requested, -1, null, :grid], 'test');
select is((select array_agg(server_id order by server_id) from orrery.command where verb = 'tell'), array[:grid, :stopping]::bigint[], 'once each');
select lives_ok('select orrery.session_tell(null, ''test'')', 'nobody');
select * from finish();
rollback;

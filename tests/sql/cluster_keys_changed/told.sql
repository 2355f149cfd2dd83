-- Catches a login server that goes on with keys that were changed.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery_test.server_made('t', 'login', 'starting', 'starting') as begun \gset
select orrery.cluster_keys_changed('t', 'test');
select is((select keys_version from orrery.cluster_secret where cluster = 't'), 2::bigint, 'a new version');
select is((select array_agg(server_id order by server_id) from orrery.command where verb = 'tell' and payload = '{"tell":"sync"}'), array[:login, :begun]::bigint[], 'its login servers are told, and nobody else');
select is(orrery_test.answer(:login, 'server_sync') ->> 'keys_version', '2', 'and find it');
select is(orrery_test.answer(:chat, 'server_sync') ? 'keys_version', false, 'others have no business with it');
select * from finish();
rollback;

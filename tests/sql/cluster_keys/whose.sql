-- Catches private keys given to whoever asks.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select is(orrery_test.answer(:login, 'cluster_keys'), (select jsonb_build_object('version', 1, 'static_keys', jsonb_build_array(encode(static_key, 'hex'))) from orrery.cluster_key where cluster = 't'), 'its own');
select throws_ok(format('select orrery.cluster_keys(%s)', orrery_test.me(:chat)), 'OR004', null, 'not a login server');
select * from finish();
rollback;

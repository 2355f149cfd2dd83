-- Catches a rotation that takes the key of those who play today, or goes on without end.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.cluster_key_rotate('t') as k2 \gset
select is(jsonb_array_length(orrery_test.answer(:login, 'cluster_keys') -> 'static_keys'), 2, 'the old one goes on');
select is(encode(orrery.x25519_public(decode(orrery_test.answer(:login, 'cluster_keys') #>> '{static_keys,0}', 'hex')), 'hex'), :'k2', 'the new one comes first');
select is(orrery_test.answer(:login, 'server_sync') ->> 'keys_version', '2', 'login servers see that there is one');
select is((select count(*) from orrery.event where rule = 'cluster_key_rotate' and reason like '%' || :'k2' || '%'), 1::bigint, 'an event');
select orrery.cluster_key_rotate('t'), orrery.cluster_key_rotate('t');
select is(orrery_test.refusal('select orrery.cluster_key_rotate(''t'')') - 'detail', jsonb_build_object('code', 'OR006', 'message', 'cluster t has 4 keys',
  'hint', format('SELECT cluster_key_retire(%L, ''t'')', (select encode(public_key, 'hex') from orrery.cluster_key where cluster = 't' order by made_at limit 1))), 'four at most, and how to go on');
select * from finish();
rollback;

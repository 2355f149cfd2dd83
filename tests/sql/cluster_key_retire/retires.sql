-- Catches a key retired that is the last one, or another cluster's.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery_test.cluster_running('u');
select encode(public_key, 'hex') as k1 from orrery.cluster_key where cluster = 't' \gset
select is(orrery_test.refusal(format('select orrery.cluster_key_retire(%L, ''t'')', :'k1')) ->> 'code', 'OR002', 'not the last');
select is(orrery_test.refusal(format('select orrery.cluster_key_retire(%L, ''u'')', :'k1')) ->> 'code', 'OR001', 'nor another cluster''s');
select is(orrery_test.refusal('select orrery.cluster_key_retire(''zz'', ''t'')') ->> 'code', 'OR003', 'no key');
select orrery.cluster_key_rotate('t') as k2 \gset
select is(orrery_test.refusal(format('select orrery.cluster_key_retire(%L, ''t'')', :'k1')) ->> 'code', 'OR002', 'not before a login server holds another');
select orrery_test.answer(:login, 'cluster_key_publish', quote_literal(jsonb_build_array(:'k2', :'k1')));
select lives_ok(format('select orrery.cluster_key_retire(upper(%L), ''t'')', :'k1'), 'then it goes');
select is((select array_agg(encode(public_key, 'hex')) from orrery.cluster_key where cluster = 't'), array[:'k2'], 'and the other stays');
select is((select keys_version from orrery.cluster_secret where cluster = 't'), 3::bigint, 'login servers see it');
select is((select count(*) from orrery.event where rule = 'cluster_key_retire' and noun = 'cluster'), 1::bigint, 'an event');
select * from finish();
rollback;

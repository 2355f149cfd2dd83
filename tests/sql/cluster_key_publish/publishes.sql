-- Catches a public key that clients cannot use, or that another role says it holds.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select encode(public_key, 'hex') as k from orrery.cluster_key where cluster = 't' \gset
select orrery_test.answer(:login, 'cluster_key_publish', quote_literal(jsonb_build_array(:'k', repeat('0a', 32))));
select orrery_test.answer(:login, 'cluster_key_publish', quote_literal(jsonb_build_array(:'k')));
select isnt((select held_at from orrery.cluster_key where cluster = 't'), null, 'published');
select is((select count(*)::int from orrery.cluster_key where cluster = 't'), 1, 'one that is none of the cluster''s means nothing');
select is((select count(*)::int from orrery.event where rule = 'cluster_key_publish' and cluster = 't'), 1, 'one event, for the change');
select throws_ok(format('select orrery.cluster_key_publish(%s, %L)', orrery_test.me(:login), v), 'OR003', null, coalesce(left(v::text, 30), 'null'))
from unnest(array['["zz"]', '[]', '{}', '[5]', 'null', null]::jsonb[] || jsonb_build_array(:'k', :'k', :'k', :'k', :'k')) v;
select throws_ok(format('select orrery.cluster_key_publish(%s, %L)', orrery_test.me(:login), jsonb_build_array(repeat('0a', 32))), 'OR001', null, 'none of its keys');
select throws_ok(format('select orrery.cluster_key_publish(%s, %L)', orrery_test.me(:chat), jsonb_build_array(:'k')), 'OR004', null, 'not a login server');
select * from finish();
rollback;

-- Catches a public key that clients cannot use, or that another role sets.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat \gset
select orrery_test.answer(:login, 'cluster_key_publish', quote_literal(repeat('0a', 32)));
select orrery_test.answer(:login, 'cluster_key_publish', quote_literal(repeat('0a', 32)));
select is((select encode(public_key, 'hex') from orrery.cluster where cluster = 't'), repeat('0a', 32), 'published');
select is((select count(*)::int from orrery.event where rule = 'cluster_key_publish' and cluster = 't'), 1, 'one event, for the change');
select throws_ok(format('select orrery.cluster_key_publish(%s, %L)', orrery_test.me(:login), 'zz'), 'OR003', null, 'no hex');
select throws_ok(format('select orrery.cluster_key_publish(%s, null)', orrery_test.me(:login)), 'OR003', null, 'null');
select throws_ok(format('select orrery.cluster_key_publish(%s, %L)', orrery_test.me(:chat), repeat('0a', 32)), 'OR004', null, 'not a login server');
select * from finish();
rollback;

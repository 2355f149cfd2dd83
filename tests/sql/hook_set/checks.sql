-- Catches a hook that nobody calls, or a handler that would run with the rights of the control plane.
begin;
select no_plan();
select lives_ok('select orrery.hook_set(''cluster_created'', ''space.cluster_created'')', 'again does no harm');
select is((select count(*)::int from orrery.hook where handler = 'space.cluster_created'), 1, 'and doubles nothing');
select throws_ok('select orrery.hook_set(''sunrise'', ''space.cluster_created'')', 'OR001', null, 'unknown hook');
select throws_ok('select orrery.hook_set(null, ''space.cluster_created'')', 'OR001', null, 'null hook');
select throws_ok('select orrery.hook_set(''cluster_created'', ''space.nothing'')', 'OR001', null, 'unknown function');
select throws_ok('select orrery.hook_set(''cluster_created'', null)', 'OR001', null, 'null function');
create function orrery_test.mine(p_cluster text) returns void language sql as $$ select $$;
select throws_ok('select orrery.hook_set(''cluster_created'', ''orrery_test.mine'')', 'OR003', null, 'not SECURITY DEFINER');
select * from finish();
rollback;

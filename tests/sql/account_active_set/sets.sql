-- Catches an account that cannot be barred, or whose change leaves no event.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat');
select orrery.account_active_set('PAT', false, 't'), orrery.account_active_set('pat', false, 't');
select is((select active from orrery.account where name = 'pat' and cluster = 't'), false, 'barred');
select is((select count(*)::int from orrery.event where rule = 'account_active_set' and cluster = 't'), 1, 'one event, for the change');
select throws_ok('select orrery.account_active_set(''nobody'', false, ''t'')', 'OR001', null, 'unknown');
select throws_ok('select orrery.account_active_set(''pat'', null, ''t'')', 'OR003', null, 'null');
select throws_ok('select orrery.account_active_set(null, true, ''t'')', 'OR003', null, 'nobody');
select * from finish();
rollback;

-- Catches a shutdown of a cluster that was not meant.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') is not null as up \gset
select orrery.cluster_create('u');
update orrery.cluster set state = 'shutting_down', shutdown_at = now(), rule = 'test' where state in ('starting', 'running') and cluster not in ('t', 'u');
update orrery.cluster set state = 'stopping', rule = 'test' where state = 'shutting_down';
update orrery.cluster set state = 'stopped', shutdown_at = null, rule = 'test' where state = 'stopping';
select lives_ok('select orrery.cluster_shutdown(100)', 'the only cluster that is not stopped is meant');
select is(orrery_test.cluster_state('t'), 'shutting_down', 'it shuts down');
select orrery.cluster_shutdown_cancel('t');
select orrery.cluster_start('u');
select orrery_test.refusal('select orrery.cluster_shutdown(300)') as no \gset
select is(:'no'::jsonb ->> 'code', 'OR005', 'two run and none is named');
select matches(:'no'::jsonb ->> 'detail', 't, u', 'the candidates are named');
select is(:'no'::jsonb ->> 'hint', 'SELECT cluster_shutdown(300, ''t'')', 'the hint is the completed statement');
select is(orrery_test.cluster_state('t') || orrery_test.cluster_state('u'), 'runningstarting', 'neither was touched');
set local orrery.cluster = 'u';
select lives_ok('select orrery.cluster_shutdown(100)', 'the setting orrery.cluster names one');
select is(orrery_test.cluster_state('t') || orrery_test.cluster_state('u'), 'runningshutting_down', 'that one only');
select * from finish();
rollback;

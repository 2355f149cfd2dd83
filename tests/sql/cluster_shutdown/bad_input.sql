-- Catches a shutdown that is accepted although it makes no sense, or that changes something when refused.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') is not null as up, orrery_test.cluster_state('t') as before \gset
select is(:'before'::text, 'running', 'the cluster runs');
create function pg_temp.refused(p_call text) returns jsonb language sql as $$ select orrery_test.refusal('select orrery.' || p_call) $$;
select is(pg_temp.refused('cluster_shutdown(-1, ''t'')') ->> 'code', 'OR003', 'negative');
select is(pg_temp.refused('cluster_shutdown(null, ''t'')') ->> 'code', 'OR003', 'null');
select is(pg_temp.refused('cluster_shutdown(null)') ->> 'code', 'OR003', 'null, whatever the cluster');
select isnt(pg_temp.refused('cluster_shutdown(-1, ''t'')') ->> 'hint', '', 'with a hint');
select is(pg_temp.refused('cluster_shutdown(1, ''nowhere'')') ->> 'code', 'OR001', 'unknown cluster');
select matches(pg_temp.refused('cluster_shutdown(1, ''nowhere'')') ->> 'detail', '\mt\M', 'the detail says which there are');
select is(orrery_test.cluster_state('t'), 'running', 'nothing was changed');
select is((select count(*) from orrery.event e where e.cluster = 't' and e.rule = 'cluster_shutdown'), 0::bigint, 'and no event says otherwise');
select orrery.cluster_create('u');
select is(pg_temp.refused('cluster_shutdown(1, ''u'')') ->> 'code', 'OR002', 'stopped cluster');
select is(pg_temp.refused('cluster_shutdown(1, ''u'')') ->> 'hint', 'SELECT cluster_start(''u'')', 'the hint says how to start it');
select is(orrery_test.refusal('select orrery.cluster_shutdown(2147483647, ''t'')') ->> 'code', 'OR003', 'in 68 years');
select * from finish();
rollback;

-- Catches a cluster that outlives its deadline, stops before it, or is never found to be empty.
begin;
set local client_min_messages = warning;
select plan(9);
select orrery.tick_clusters() as others \gset
select orrery_test.cluster_running('t');
select orrery_test.cluster_running('u');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
select is(orrery.tick_clusters(), null, 'no deadline');
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = date_trunc('second', orrery.clock()) + interval '30 s' where cluster = 't';
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = date_trunc('second', orrery.clock()) + interval '60 s' where cluster = 'u';
select is(orrery.tick_clusters(), (select shutdown_at from orrery.cluster where cluster = 't'), 'the next deadline');
select is((select array_agg(distinct state) from orrery.cluster where cluster in ('t', 'u')), '{shutting_down}', 'not before it');
select orrery_test.clock_advance('31 s');
select is(orrery.tick_clusters(), (select shutdown_at from orrery.cluster where cluster = 'u'), 'then the one after it');
select results_eq($$select cluster, state from orrery.cluster where cluster in ('t', 'u') order by cluster$$, $$values ('t', 'stopping'), ('u', 'shutting_down')$$, 'one has stopped');
select is((select state from orrery.server where server_id = :grid), 'stopping', 'its server is told');
-- What ended it was not heard of: nobody advanced the cluster.
update orrery.server set state = 'stopped', rule = 'test' where server_id = :grid;
select orrery.tick_clusters();
select is((select state || coalesce(shutdown_at::text, '') from orrery.cluster where cluster = 't'), 'stopped', 'one that stops is found empty');
select orrery_test.clock_advance('31 s');
select is(orrery.tick_clusters(), null, 'a cluster without servers stops at its deadline, no other is next');
-- What it waited for is not always on any more, so nothing of it becomes ready.
select orrery.cluster_create('w');
select orrery.cluster_start('w');
update orrery.server_kind set always_on_key = null where cluster = 'w';
select orrery.tick_clusters();
select is((select state from orrery.cluster where cluster = 'w'), 'running', 'one that starts and lacks nothing runs');
select * from finish();
rollback;

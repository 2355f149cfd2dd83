-- Catches a change of a cluster that cluster_version does not count, so that agents do not hear of it, and one counted for nothing.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
create function pg_temp.version() returns bigint language sql as $$ select version from orrery.cluster where cluster = 't' $$;
select pg_temp.version() as v \gset
update orrery.cluster set reason = 'none', login_port = login_port where cluster = 't';
select is(pg_temp.version(), :v::bigint, 'no news');
select orrery.cluster_shutdown(300, 't');
select cmp_ok(pg_temp.version(), '>', :v::bigint, 'a shutdown');
select pg_temp.version() as v \gset
select orrery.cluster_shutdown(100, 't');
select cmp_ok(pg_temp.version(), '>', :v::bigint, 'another deadline');
select pg_temp.version() as v \gset
select orrery.cluster_shutdown_cancel('t');
select cmp_ok(pg_temp.version(), '>', :v::bigint, 'called off');
select * from finish();
rollback;

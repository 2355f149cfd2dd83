-- Catches a table, or a partition, that is made later and stays open.
begin;
select no_plan();
create table orrery.thing_test (cluster text not null, n integer);
create table orrery.event_test_day partition of orrery.event for values from ('2001-01-01') to ('2001-01-02');
select orrery.isolation_apply();
select is((select count(*)::int from pg_class where relname in ('thing_test', 'event_test_day') and relrowsecurity and relforcerowsecurity), 2,
  'security is on and forced');
select policies_are('orrery', 'thing_test', array['cluster_isolation']);
select policies_are('orrery', 'event_test_day', array['cluster_isolation']);
select lives_ok('select orrery.isolation_apply()', 'again does no harm');
select * from finish();
rollback;

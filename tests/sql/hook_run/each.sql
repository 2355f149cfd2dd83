-- Catches a handler that is not called, called for another hook, or whose failure is swallowed.
begin;
select plan(5);
delete from orrery.hook;
create table orrery_test.hooked (n integer generated always as identity, handler text, cluster text);
create function orrery_test.hook_b(p_cluster text) returns void language sql security definer as $$ insert into orrery_test.hooked (handler, cluster) values ('b', p_cluster) $$;
create function orrery_test.hook_a(p_cluster text) returns void language sql security definer as $$ insert into orrery_test.hooked (handler, cluster) values ('a', p_cluster) $$;
create function orrery_test.hook_bad(p_cluster text) returns void language plpgsql security definer as $$ begin raise exception 'cannot'; end $$;
select lives_ok($$select orrery.hook_run('cluster_created', 't')$$, 'nobody is interested');
select orrery.hook_set('cluster_created', 'orrery_test.hook_b'), orrery.hook_set('cluster_created', 'orrery_test.hook_a');
select orrery.hook_run('cluster_created', 't''x');
select results_eq('select handler, cluster from orrery_test.hooked order by n', $$values ('a', 't''x'), ('b', 't''x')$$, 'each once, by name, with the cluster');
select orrery.hook_run('character_details', 't');
select is((select count(*) from orrery_test.hooked), 2::bigint, 'not for another hook');
select orrery.hook_set('cluster_created', 'orrery_test.hook_bad');
select throws_ok($$select orrery.hook_run('cluster_created', 't')$$, 'P0001', 'cannot', 'what one raises reaches the caller');
select is((select count(*) from orrery_test.hooked), 2::bigint, 'and undoes the others');
select * from finish();
rollback;

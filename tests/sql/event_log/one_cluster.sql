-- Catches a login of one cluster that reads in the log which other clusters a machine serves.
begin;
set local client_min_messages = warning;
select no_plan();
create role orrery_test_t login in role orrery_viewer;
create role orrery_test_all login in role orrery_viewer;
select orrery.cluster_create('t'), orrery.cluster_create('u');
select orrery.cluster_grant('t', 'orrery_test_t'), orrery.cluster_grant('*', 'orrery_test_all');
select orrery_test.agent_up('a', '{"clusters":["t","u"]}') is not null as up \gset
select orrery.event_add('t', 'test', '1', 'test', 'why', '{"own":true}');
create function pg_temp.seen(p_login text) returns text language sql as $$
  select orrery_test.as_login(p_login::name, $q$select string_agg(concat_ws(' ', e.rule, e.detail -> 'own', e.detail -> 'clusters'), ', ' order by e.rule)
    from orrery.event_log e where e.rule = 'test' or e.rule = 'agent_register' and e.change = ''$q$)
$$;
select is(pg_temp.seen('orrery_test_t'), 'agent_register, test true', 'the event, and details of its own cluster only');
select is(pg_temp.seen('orrery_test_all'), 'agent_register ["t", "u"], test true', 'who sees all sees all');
select * from finish();
rollback;

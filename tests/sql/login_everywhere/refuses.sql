-- Catches a login of one cluster that does what concerns all.
begin;
select plan(5);
select orrery_test.cluster_running('t');
create role orrery_test_one login;
create role orrery_test_all login;
create role orrery_test_none login;
select orrery.cluster_grant('t', 'orrery_test_one'), orrery.cluster_grant('*', 'orrery_test_all');
-- What a verb does: it runs with its owner's rights, and is judged by who is logged in.
create function orrery_test.verb() returns text language sql security definer as $$ select orrery.login_everywhere('setting_set')::text $$;
grant usage on schema orrery_test to orrery_test_one, orrery_test_all, orrery_test_none;
select lives_ok($$select orrery.login_everywhere('setting_set')$$, 'a superuser');
select is(orrery_test.as_login('orrery_test_all', 'select orrery_test.verb()'), '', 'a login of all');
select is(orrery_test.as_login('orrery_test_one', 'select orrery_test.verb()'), 'OR010', 'a login of one');
select is(orrery_test.as_login('orrery_test_none', 'select orrery_test.verb()'), 'OR010', 'a login of none');
set local session authorization orrery_test_one;
create function pg_temp.refused() returns jsonb language sql as $$ select orrery_test.refusal('select orrery_test.verb()') $$;
select pg_temp.refused() as refused \gset
set local session authorization default;
select is(:'refused'::jsonb, jsonb_build_object('code', 'OR010', 'message', 'setting_set concerns every cluster', 'detail', 'Login orrery_test_one sees cluster t.',
  'hint', 'A superuser may run: SELECT orrery.cluster_grant(''*'', ''orrery_test_one'')'), 'and says how to be granted');
select * from finish();
rollback;

-- Catches a verb that acts on a cluster nobody named, or an error that does not show the statement to run instead.
begin;
set local client_min_messages = warning;
select no_plan();
update orrery.cluster set state = 'shutting_down', shutdown_at = now() where state in ('starting', 'running');
update orrery.cluster set state = 'stopping' where state = 'shutting_down';
update orrery.cluster set state = 'stopped', shutdown_at = null where state = 'stopping';
select orrery_test.cluster_running('t');
select orrery.cluster_create('u');
select is(orrery.cluster_resolve(null), 't', 'the only one that is not stopped');
select is(orrery.cluster_resolve('u'), 'u', 'the one that is named');
select is(orrery_test.refusal($$select orrery.cluster_resolve('no%such')$$) - 'detail', jsonb_build_object('code', 'OR001', 'message', 'no cluster named ''no%such''',
  'hint', 'SELECT cluster_create(''no%such'')'), 'an unknown one');
select orrery_test.cluster_running('u');
select is(orrery_test.refusal($$select orrery.cluster_resolve(null, 'cluster_shutdown(300, %L)')$$), jsonb_build_object('code', 'OR005', 'message', 'which cluster?',
  'detail', 'These are not stopped: t, u.', 'hint', 'SELECT cluster_shutdown(300, ''t'')'), 'of two none is guessed');
set local orrery.cluster = 'u';
select is(orrery.cluster_resolve(null), 'u', 'unless the setting names it');
select is(orrery.cluster_resolve('t'), 't', 'a name goes before the setting');
set local orrery.cluster = '';
select is(orrery_test.refusal('select orrery.cluster_resolve(null, null, true)') ->> 'code', 'OR005', 'none is stopped');
select orrery.cluster_create('v');
select is(orrery.cluster_resolve(null, null, true), 'v', 'the only stopped one');
create role orrery_test_dba login in role orrery_admin;
create function orrery_test.resolve(p_cluster text) returns text language sql security definer as $$ select orrery.cluster_resolve(p_cluster) $$;
grant usage on schema orrery_test to orrery_test_dba;
select is(orrery_test.as_login('orrery_test_dba', 'select orrery_test.resolve(null)'), 'OR010', 'a login without a grant');
select orrery.cluster_grant('u', 'orrery_test_dba');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery_test.resolve(null)'), 'u', 'a login means its own');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery_test.resolve(''t'')'), 'OR010', 'and no other');
select is(orrery_test.as_login('orrery_test_dba', 'select orrery_test.resolve(''no such'')'), 'OR010', 'that exists or not');
select * from finish();
rollback;

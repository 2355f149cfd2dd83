-- Catches a login of one cluster that sees, or changes, a row of another: through functions, and with table rights too.
begin;
select no_plan();
create role orrery_test_staging login in role orrery_session, orrery_viewer, orrery_admin;
create role orrery_test_nobody login in role orrery_session, orrery_viewer, orrery_admin;
create role orrery_test_all login in role orrery_admin;
select orrery_test.cluster_running('tproduction'), orrery_test.cluster_running('tstaging');
select orrery.cluster_grant('tstaging', 'orrery_test_staging'), orrery.cluster_grant('*', 'orrery_test_all');
select orrery_test.account_made('tproduction', 'pat'), orrery_test.account_made('tstaging', 'sam');
select orrery_test.server_made('tproduction', 'login', 'main') as production, orrery_test.server_made('tstaging', 'login', 'main') as staging \gset
select orrery_test.me(:production) as me_production, orrery_test.me(:staging) as me_staging \gset
select account_id as pat from orrery.account where name = 'pat' \gset
grant usage on schema orrery to orrery_test_staging;
grant select, insert, update, delete on orrery.account, orrery.session, orrery.cluster_secret, orrery.event to orrery_test_staging, orrery_test_nobody, orrery_test_all;

select is(orrery.login_cluster(), '*', 'a superuser sees every cluster');
select is(orrery_test.as_login('orrery_cron', 'select orrery.login_cluster()'), '*', 'so does the login of the tick');
select is(orrery_test.as_login('orrery_test_staging', 'select orrery.login_cluster()'), 'tstaging', 'a granted login sees its own');
select is(orrery_test.as_login('orrery_test_nobody', 'select orrery.login_cluster()'), null, 'a login that is not granted sees none');

select is(orrery_test.as_login('orrery_test_staging', 'select string_agg(name, '','') from orrery.account'), 'sam', 'no account of another cluster');
select is(orrery_test.as_login('orrery_test_nobody', 'select count(*) from orrery.account'), '0', 'none at all without a grant');
select is(orrery_test.as_login('orrery_test_all', 'select count(*) > 1 from orrery.account'), 'true', 'all of them with *');
select is(orrery_test.as_login('orrery_test_staging', 'select count(*) from orrery.cluster_secret'), '1', 'no secret of another cluster');
select is(orrery_test.as_login('orrery_test_staging', 'select count(*) from orrery.event where cluster = ''tproduction'''), '0', 'no event of another cluster');
select is(orrery_test.as_login('orrery_test_staging', 'with u as (update orrery.account set active = false where name = ''pat'' returning 1) select count(*) from u'),
  '0', 'nothing of another cluster is changed');
select is(orrery_test.as_login('orrery_test_staging', 'insert into orrery.account (cluster, name, created_at) values (''tproduction'', ''evil'', now()) returning 1'),
  '42501', 'nothing is put into another cluster');

select is(orrery_test.as_login('orrery_test_staging', format('select orrery.server_start_info(%s)->>''cluster''', :'me_staging')), 'tstaging',
  'its own server is served');
select is(orrery_test.as_login('orrery_test_staging', format('select orrery.server_start_info(%s)', :'me_production')), 'OR004',
  'a server of another cluster is unknown, its token right or not');
select is(orrery_test.as_login('orrery_test_nobody', format('select orrery.server_start_info(%s)', :'me_staging')), 'OR004',
  'a login without a grant has no server');
select is(orrery_test.as_login('orrery_test_staging', format('select orrery.login_begin(%s, %L) #>> ''{0,account_id}''', :'me_staging', '[{"name":"pat","address":"192.0.2.9:1"}]')), null,
  'an account of another cluster is unknown');
select is(orrery_test.as_login('orrery_test_staging', format('select orrery.session_open(%s, %L) #>> ''{0,error,code}''', :'me_staging', jsonb_build_array(jsonb_build_object('account_id', :pat)))), 'OR001',
  'no session for an account of another cluster');
select is(orrery_test.as_login('orrery_test_staging', 'select orrery.account_create(''x'', null, ''tproduction'')'), 'OR010', 'a verb on another cluster');
select is(orrery_test.as_login('orrery_test_nobody', 'select orrery.account_create(''x'')'), 'OR010', 'a verb without a grant');
select * from finish();
rollback;

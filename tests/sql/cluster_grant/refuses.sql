-- Catches a grant that locks its author or the tick out, and an unmapped superuser that sees nothing.
begin;
set local client_min_messages = warning;
select plan(11);
select orrery.cluster_create('t');
create role granted_dba login in role orrery_admin;
create role granted_agent login in role orrery_agent;
select is(orrery_test.refusal($$select orrery.cluster_grant('t', 'orrery_admin')$$) ->> 'code', 'OR003', 'a group');
select is(orrery_test.refusal($$select orrery.cluster_grant('t', 'orrery_cron')$$) ->> 'code', 'OR003', 'the tick');
select is(orrery_test.refusal(format('select orrery.cluster_grant(''t'', %L)', session_user)) ->> 'code', 'OR003', 'a superuser');
select is(orrery_test.refusal($$select orrery.cluster_grant('t', 'nobody_such')$$) ->> 'code', 'OR001', 'an unknown login');
select is(orrery_test.refusal($$select orrery.cluster_grant('nowhere', 'granted_agent')$$) ->> 'code', 'OR001', 'an unknown cluster');
select lives_ok($$select orrery.cluster_grant('t', 'granted_agent')$$, 'an agent');
select orrery.cluster_grant('*', 'granted_dba');
insert into orrery.cluster_login (login, cluster) values (session_user, 't') on conflict (login) do update set cluster = 't';
select is(orrery.login_cluster(), '*', 'a superuser sees all whatever the table says');
set session authorization granted_dba;
select is((select cluster_login.cluster from (select orrery.login_cluster() as cluster) cluster_login), '*', 'a DBA of all');
select throws_ok($$select orrery.cluster_grant('t', 'granted_dba')$$, 'OR003', null, 'does not narrow himself');
reset session authorization;
-- An agent whose login sees another cluster than before is judged anew by its next heartbeat.
select orrery_test.agent_up('granted', '{"clusters":["t"]}') ->> 'agent_id' as agent \gset
update orrery.agent_heartbeat set told_to = 'x' where agent_id = :agent;
select orrery.cluster_grant('t', 'granted_agent');
select is((select told_to from orrery.agent_heartbeat where agent_id = :agent), 'x', 'the same again changes nothing');
select orrery.cluster_grant('*', 'granted_agent');
select is((select count(*) from orrery.agent_heartbeat where told_to is not null), 0::bigint, 'another is looked at');
select * from finish();
rollback;

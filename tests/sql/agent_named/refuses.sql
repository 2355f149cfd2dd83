-- Catches a verb about a whole machine that takes no name for one, or is taken from a DBA of one cluster.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.agent_up('a') as a \gset
select is((orrery.agent_named('a', 'agent_drain')).name, 'a', 'found');
select is(orrery_test.refusal('select orrery.agent_named(null, ''agent_drain'')') ->> 'code', 'OR003', 'null');
select orrery_test.refusal('select orrery.agent_named(''it''''s'', ''agent_drain'')') as no \gset
select is(:'no'::jsonb ->> 'code', 'OR001', 'unknown');
select matches(:'no'::jsonb ->> 'detail', '\ma\M', 'with those there are');
-- each verb, by each login that may not
create role orrery_test_one login in role orrery_admin;
create role orrery_test_all login in role orrery_admin;
create role orrery_test_viewer login in role orrery_viewer;
create role orrery_test_agent login in role orrery_agent;
select orrery_test.cluster_running('t');
select orrery.cluster_grant('t', 'orrery_test_one'), orrery.cluster_grant('*', l) from unnest(array['orrery_test_all', 'orrery_test_viewer', 'orrery_test_agent']) l;
select to_jsonb(a) as before from orrery.agent a where a.name = 'a' \gset
select is(orrery_test.as_login(l.login, format('select orrery.%s(%L)', v.verb, l.agent)), l.code, v.verb || ': ' || l.who)
from unnest(array['agent_drain', 'agent_resume', 'agent_fence', 'agent_release']) v(verb),
(values ('orrery_test_one', 'a', 'OR010', 'a DBA of one cluster'), ('orrery_test_viewer', 'a', '42501', 'a viewer'), ('orrery_test_agent', 'a', '42501', 'an agent'),
  ('orrery_test_all', null, 'OR003', 'null'), ('orrery_test_all', repeat('x', 10000), 'OR001', 'unknown'), ('orrery_test_all', E'a\n''; --', 'OR001', 'hostile')) l(login, agent, code, who);
select is((select to_jsonb(a) from orrery.agent a where a.name = 'a'), :'before'::jsonb, 'nothing was changed');
select * from finish();
rollback;

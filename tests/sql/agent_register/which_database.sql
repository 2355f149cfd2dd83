-- Catches a registration that tells an agent not which database it obeys, and a refused one that changes something.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select is(:'a'::jsonb -> 'database', (select jsonb_build_object('system_identifier', i.system_identifier, 'incarnation', i.incarnation,
  'lineage', encode(i.lineage, 'hex')) from orrery.incarnation i), 'the answer says which database this is');
create temp table before as select to_jsonb(a) as agent, (select jsonb_agg(to_jsonb(c) order by c.command_id) from orrery.command c) as commands,
  (select jsonb_agg(to_jsonb(s) order by s.server_id) from orrery.server s) as servers, (select to_jsonb(b) from orrery.agent_heartbeat b where b.agent_id = a.agent_id) as beat
  from orrery.agent a where a.name = 'agent-t';
create temp view after as select to_jsonb(a) as agent, (select jsonb_agg(to_jsonb(c) order by c.command_id) from orrery.command c) as commands,
  (select jsonb_agg(to_jsonb(s) order by s.server_id) from orrery.server s) as servers, (select to_jsonb(b) from orrery.agent_heartbeat b where b.agent_id = a.agent_id) as beat
  from orrery.agent a where a.name = 'agent-t';
select is(orrery_test.agent_up('agent-t', jsonb_build_object('incarnation', (:'a'::jsonb #> '{database,incarnation}')::bigint + 1, 'lineage', 'ab'))
  - 'refused', '{}', 'an agent of a later database is told nothing else');
select is((select count(*) from before join after using (agent, commands, servers, beat)), 1::bigint, 'and nothing is changed');
select is((select count(*) from orrery.event where rule = 'agent_register_refused' and noun_id = :'a'::jsonb ->> 'agent_id'), 1::bigint, 'but an event says so');
select is(orrery_test.agent_up('new', '{"incarnation":1000,"lineage":"ab"}') #>> '{refused,code}', 'OR011', 'nor is a new one made');
select is((select count(*) from orrery.agent where name = 'new'), 0::bigint, 'nothing of it is kept');
-- the failover comes first
update orrery.incarnation set timeline = timeline - 1;
select is((orrery_test.agent_up('agent-t', (:'a'::jsonb -> 'database') - 'system_identifier') #>> '{database,incarnation}')::bigint,
  (:'a'::jsonb #>> '{database,incarnation}')::bigint + 1, 'the incarnation is raised before the agent is judged');
select is(orrery_test.agent_up('agent-t', (:'a'::jsonb -> 'database') - 'system_identifier') ? 'token', true, 'which then follows');
select is(orrery_test.refusal($$select orrery_test.agent_up('b', '{"incarnation":1}')$$) ->> 'code', 'OR003', 'malformed: no lineage');
select is(orrery_test.refusal($$select orrery_test.agent_up('b', '{"incarnation":0,"lineage":"ab"}')$$) ->> 'code', 'OR003', 'malformed: no incarnation is 0');
select is(orrery_test.refusal($$select orrery_test.agent_up('b', '{"incarnation":1,"lineage":"%s; drop"}')$$) ->> 'code', 'OR003', 'malformed: lineage');
select is(orrery_test.refusal($$select orrery_test.agent_up('b', '{"incarnation":1073741826,"lineage":"ab"}')$$) ->> 'code', 'OR003', 'malformed: above all that are given');
select is(orrery_test.agent_up('b', '{"incarnation":1073741825,"lineage":"ab"}') #>> '{refused,code}', 'OR011', 'the highest is refused only');
select is(orrery_test.refusal($$select orrery_test.agent_up('b', '{"incarnation":99999999999999999999,"lineage":"ab"}')$$) ->> 'code', 'OR003', 'malformed: huge');
select * from finish();
rollback;

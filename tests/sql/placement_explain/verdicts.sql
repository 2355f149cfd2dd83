-- Catches a what-if that places, or says other than what placing would do.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.agent_heartbeat;
delete from orrery.port;
update orrery.agent set clusters = '{}';
select orrery_test.cluster_running('t');
select orrery.server_kind_set('arena', '{"command":"arena","memory_bytes":100}', 't');
select orrery_test.agent_up(name, machine) is not null as up
from (values ('a', '{"memory_bytes":1000}'::jsonb), ('b', '{"memory_bytes":50}'), ('c', '{"memory_bytes":1000,"port_min":21000,"port_max":21000}')) v (name, machine);
select count(*) as events from orrery.event \gset
select results_eq($$select agent, verdict from orrery.placement_explain('arena', 't') order by agent$$,
  $$values ('a', 'taken: 0 % reserved'), ('b', 'has no memory left'), ('c', 'has 1 of 2 udp ports left')$$, 'each agent''s verdict');
select results_eq($$select agent, verdict from orrery.placement_explain('arena', 't', '{"memory_bytes":10,"ports":[{"name":"game"}]}') order by agent$$,
  $$values ('a', 'taken: 0 % reserved'), ('b', 'suitable: 0 % reserved'), ('c', 'suitable: 0 % reserved')$$, 'what it would be with another specification');
select is((select count(*) from orrery.server), (select count(*) from orrery.server where state <> 'requested' and state <> 'starting'), 'nothing is placed');
select is((select count(*) from orrery.event), :events::bigint, 'nor told');
select is((select memory_bytes from orrery.server_kind where cluster = 't' and kind = 'arena'), 100::bigint, 'nor kept');
select is(orrery_test.refusal($$select * from orrery.placement_explain('none', 't')$$) ->> 'code', 'OR001', 'no such kind');
select is(orrery_test.refusal($$select * from orrery.placement_explain(null, 't')$$) ->> 'code', 'OR001', 'nor null');
select is(orrery_test.refusal($$select * from orrery.placement_explain('arena', 't', '{"memory":1}')$$) ->> 'code', 'OR003', 'no such member');
select is(orrery_test.refusal($$select * from orrery.placement_explain('arena', 't', '{"cpu_millis":-1}')$$) ->> 'code', 'OR003', 'nor what no kind may be');
select is(orrery_test.refusal($$select * from orrery.placement_explain('arena', 't', '{"role":null}')$$) ->> 'code', 'OR003', 'nor a kind of no role');
select is(orrery_test.refusal($$select * from orrery.placement_explain('arena', 't', '{"placement_function":"orrery.placement_judge"}')$$) ->> 'code',
  'OR001', 'nor a policy that is none');
create function pg_temp.policy(jsonb, jsonb) returns float8 language sql as 'select 1';
select is(orrery_test.refusal($$select * from orrery.placement_explain('arena', 't', '{"placement_function":"pg_temp.policy"}')$$) ->> 'code',
  'OR003', 'nor one that would run with the rights of the control plane');
select * from finish();
rollback;

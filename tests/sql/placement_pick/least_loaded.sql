-- Catches servers heaped on one agent while another has room, and ports given twice.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.agent_heartbeat;
select orrery_test.agent_up('a', '{"port_max":21005}') as a, orrery_test.agent_up('b', '{"port_max":21005}') as b \gset
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
select orrery.server_request('plain', n::text, 't') from generate_series(1, 4) n;
select results_eq($$select agent, count(*) from orrery.server_status where cluster = 't' group by agent order by agent$$,
  $$values ('a', 2::bigint), ('b', 2::bigint)$$, 'spread');
select orrery.server_request('plain', n::text, 't') from generate_series(5, 7) n;
select is((select count(distinct (p.agent_id, p.port)) from orrery.port p where p.cluster = 't'), 12::bigint, 'six ports each are all taken');
select matches((select s.reason from orrery.server_status s where s.cluster = 't' and s.key = '7'), 'a has no port left, b has no port left', 'the seventh waits');
select * from finish();
rollback;

-- Catches a deadline that passes without effect, before its time, or leaves what is always on stopped for good.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
select orrery.server_request('grid', 'aldra-1', 't') ->> 'server_id' as grid \gset
select orrery_test.carry_out(:'a');
select orrery.server_request('grid', 'velo-2', 't') ->> 'server_id' as begun \gset
select orrery_test.beat(:'a') ->> 'x' as fetched \gset
select orrery_test.account_made('t', 'pat') as pat \gset
insert into orrery.session (cluster, account_id, server_id, epoch, state, rule, state_at, opened_at)
values ('t', :pat, :grid, 1, 'selecting', 'test', now(), now()) returning session_id as s \gset
select orrery.agent_drain('agent-t', 30);
select orrery_test.clock_advance('29 s'); select orrery_test.beat(:'a'); select orrery.tick_drains();
select is((select array_agg(distinct s.state order by s.state) from orrery.server s where s.cluster = 't'), '{ready,starting}', 'not before');
select matches((select drain from orrery.agent_status where name = 'agent-t'), '^drains; what is left stops at \d\d:\d\d:\d\d$', 'the status says when');
select orrery_test.clock_advance('1.1 s'); select orrery.tick_drains();
select is((select array_agg(distinct s.state || ' by ' || s.rule) from orrery.server s where s.cluster = 't' and s.kind <> 'login' and s.kind <> 'chat'), '{"stopping by agent_drain"}', 'then all that is left, players or not');
select is((select count(*) from orrery.command where server_id in (:grid, :begun) and verb = 'stop' and state = 'pending'), 2::bigint, 'the agent is told');
select orrery_test.carry_out(:'a'); select orrery.tick_idle();
select is((select array_agg(s.kind || ' ' || s.state order by s.kind) from orrery.placement p join orrery.server s on s.server_id = p.server_id where p.cluster = 't'),
  '{"chat requested","login requested"}', 'what is always on is wanted');
select matches((select waits_for from orrery.cluster_status where cluster = 't'), 'login main is requested: no agent with room: .*agent-t is draining', 'and waits for an agent');
select orrery_test.agent_up('b', '{"clusters":["t"]}') as b \gset
select orrery_test.clock_advance('2 s'); select orrery_test.beat(:'b'); select orrery.tick();
select orrery_test.carry_out(:'b');
select is((select state from orrery.cluster where cluster = 't'), 'running', 'which comes');
select * from finish();
rollback;

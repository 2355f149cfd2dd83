-- Catches a kind whose game is broken that keeps an agent from draining, or a service stopped that cannot be started elsewhere.
begin;
set local client_min_messages = error;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
create function orrery_test.world_of_no_use(text, text, text) returns jsonb language plpgsql as $$ begin raise exception 'no such world'; end $$;
select orrery.server_kind_set('alpha', '{"role":"other","command":"true"}', 't');
select orrery.server_request('alpha', '1', 't') ->> 'server_id' as alpha \gset
select orrery_test.carry_out(:'a');
select orrery_test.agent_up('b', '{"clusters":["t"]}') as b \gset
update orrery.server_kind set world_function = 'orrery_test.world_of_no_use' where cluster = 't' and kind = 'alpha';
select orrery.agent_drain('agent-t', 30);
select orrery.tick_step('idle', null);
select is((select array_agg(s.kind || ' ' || s.state order by s.kind) from orrery.server s join orrery.agent a using (agent_id) where a.name = 'agent-t'),
  '{"alpha ready","chat stopping","login stopping"}', 'what can move moves, what cannot stays');
select is((select count(*) from orrery.event e where e.noun = 'kind' and e.noun_id = 'alpha' and e.rule = 'tick_failed'), 1::bigint, 'an event tells why');
select orrery_test.clock_advance('31 s');
select orrery.tick_step('idle', null);
select is((select state from orrery.server where server_id = :alpha), 'stopping', 'at the deadline it stops all the same');
select * from finish();
rollback;

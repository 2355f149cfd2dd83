-- Catches a server given away while its process may live: its kind, or the lease, was changed after it was started.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.setting_set('lease_ms', 60000);
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('keep', '{"role":"other","command":"true","on_isolation":"hold"}', 't');
select orrery.server_request('keep', '1', 't') ->> 'server_id' as held \gset
select orrery_test.carry_out(:'a');
select orrery.server_kind_set('keep', '{"role":"other","command":"true","on_isolation":"stop"}', 't');
select orrery.setting_set('lease_ms', 15000);
select orrery_test.clock_advance('21 s');
select orrery.tick_agents('-infinity');
select is((select state from orrery.agent), 'up', 'its servers live for the lease that it was told');
select is((select count(*) from orrery.server where state = 'requested'), 0::bigint, 'none is given away');
select is(orrery_test.refusal('select orrery.agent_fence(''agent-t'')') ->> 'code', 'OR002', 'nor can it be fenced');
select orrery_test.clock_advance('45 s');
select orrery.tick_agents('-infinity');
select is((select state from orrery.agent), 'lost', 'which is over');
select is((select reason from orrery.agent), 'not heard of for 65.0 s', 'it says how long');
select is((select state from orrery.server where server_id = :held), 'ready', 'what was started to hold holds, whatever its kind says now');
select is((select count(*) from orrery.server where state = 'requested'), 2::bigint, 'the others are wanted elsewhere');
select orrery.setting_set('lease_ms', 15000);
select orrery_test.agent_up('agent-t') ->> 'lease_ms' as told \gset
select is(:'told'::text, '15000', 'it is told the new one when it registers');
select * from finish();
rollback;

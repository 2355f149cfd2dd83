-- Catches a server that held through a silence and is stopped the moment its agent is back, before it could say how it is.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as agent \gset
select orrery.server_kind_set('keep', '{"role":"other","command":"true","on_isolation":"hold"}', 't');
select orrery.server_request('keep', '1', 't') ->> 'server_id' as keep \gset
select orrery_test.beat(:'a') ->> 'x' as fetched \gset
select orrery_test.clock_advance('60 s');
update orrery.agent set state = 'lost', rule = 'test' where agent_id = :agent;
select orrery.tick_servers();
select is((select state || ' ' || (deadline_at < orrery.clock()) from orrery.server where server_id = :keep), 'starting true', 'late');
select is((select count(*) from orrery.command where server_id = :keep and verb = 'stop'), 0::bigint, 'but not told to stop while its agent is lost');
select orrery_test.beat(:'a') ->> 'want_inventory' as wanted \gset
select is(:'wanted'::text, 'true', 'the agent is asked');
select orrery.tick_servers();
select is((select count(*) from orrery.command where server_id = :keep and verb = 'stop'), 0::bigint, 'and has time to say');
select orrery_test.clock_advance('6 s');
select orrery_test.beat(:'a', (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', s.state)) from orrery.server s where s.agent_id = :agent)) ->> 'x' as said \gset
select orrery.tick_servers();
select is((select count(*) from orrery.command where server_id = :keep and verb = 'stop'), 1::bigint, 'not for ever');
select deadline_at as d from orrery.server where server_id = :keep \gset
select orrery.agent_returned(:agent);
select is((select deadline_at from orrery.server where server_id = :keep), greatest(:'d'::timestamptz, (select deadline_at from orrery.server where server_id = :keep)), 'no deadline is brought forward');
select is((select digest from orrery.agent_heartbeat where agent_id = :agent), null, 'nothing is known of what it runs');
select * from finish();
rollback;

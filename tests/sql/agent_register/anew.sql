-- Catches an agent judged by what its predecessor did or said: lost as soon as it is back, refused though the other has stopped, its
-- servers late as if it had been there, a start taken as never fetched, ports and machine those of another time.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as id \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');

-- a start that was fetched, and a machine that came back with other ports
select orrery.server_request('plain', '1', 't') ->> 'server_id' as s \gset
select orrery_test.beat(:'a') is not null as fetched \gset
select orrery_test.agent_up('agent-t', '{"port_min":22000,"port_max":22009,"public_address":"192.0.2.7"}') as a \gset
select is((select format('%s, fetched %s', c.state, c.claimed_at is not null) from orrery.command c where c.server_id = :s), 'pending, fetched t',
  'a start is handed out again, and may have been carried out');
select is(orrery.server_stop(:s), 'stopping', 'so its server is not stopped until the agent says so');
select is((select (port_min, port_max, public_address)::text from orrery.agent where agent_id = :id), '(22000,22009,192.0.2.7)', 'the machine is what it says now');
select orrery.server_request('plain', '2', 't') ->> 'server_id' as s2 \gset
select is((select format('%s:%s', public_host, public_port) from orrery.server where server_id = :s2), '192.0.2.7:22000', 'which is what servers get');
select orrery_test.beat(:'a') is not null as fetched \gset

-- late since nobody was there to say so
select orrery_test.clock_advance('16 s');
select orrery_test.agent_up('agent-t') as a \gset
select orrery.tick_servers();
select is((select count(*) from orrery.event where noun = 'server' and noun_id in (:'s', :'s2') and rule = 'tick_servers'), 0::bigint,
  'who is back has start_slack_ms before its servers are late');
select orrery_test.clock_advance('5.1 s');
select orrery.tick_servers();
select is((select count(*) from orrery.event where noun = 'server' and noun_id in (:'s', :'s2') and rule = 'tick_servers'), 2::bigint, 'and no more');
select orrery_test.clock_advance('19 s');
select orrery_test.agent_up('agent-t') as a \gset
select orrery_test.clock_advance('15 s');
select orrery.tick_agents(orrery.clock() - interval '1 hour');
select is((select state from orrery.agent where agent_id = :id), 'up', 'to register is to be heard of');

-- another boot
select orrery_test.report(:'a', '[{"state":"stopping"}]');
select orrery_test.beat(:'a') is not null as heard \gset
select is(orrery_test.agent_up('agent-t', '{"boot_id":"boot-2"}') ? 'token', true, 'one that has said that it stops is no clone when it boots within the lease');
select * from finish();
rollback;

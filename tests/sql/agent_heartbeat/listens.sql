-- Catches an agent that is not told whether it listens, or for whom.
begin;
set local client_min_messages = warning;
select no_plan();
update orrery.agent set listens = false;
select orrery.setting_set('listeners_max', 1);
select orrery_test.agent_up('a') as a, orrery_test.agent_up('b', '{"private_address":"10.0.0.9","private_port":7009}') as b \gset
select is((select jsonb_agg(x -> 'listen') from unnest(array[:'a'::jsonb, :'b'::jsonb]) x), '[true, false]', 'told when it registers');
select orrery.agent_listeners();
select orrery_test.beat(:'a') as first, orrery_test.beat(:'b') as second \gset
select is(:'first'::jsonb -> 'listen', 'true', 'and with each heartbeat: it listens');
select is(:'second'::jsonb -> 'listen', 'false', 'it does not');
select is(:'first'::jsonb -> 'relays', jsonb_build_array(jsonb_build_object('agent_id', :'b'::jsonb -> 'agent_id', 'host', '10.0.0.9', 'port', 7009)),
  'it passes bells on');
select is(:'second'::jsonb -> 'relays', '[]', 'to nobody');
select is(orrery_test.agent_up('a') -> 'listen', 'true', 'a listener that registers anew stays one');
select orrery.setting_set('listeners_max', 2);
select is(orrery_test.agent_up('b') -> 'listen', 'true', 'there is room');
select orrery.agent_listeners();
select is(orrery_test.beat(:'a' || jsonb_build_object('token', orrery_test.agent_up('a') ->> 'token')) -> 'relays', '[]', 'everybody listens: nothing to pass on');

-- one whose inventory is known, and that was told all
select orrery.setting_set('listeners_max', 1);
select orrery.agent_listeners();
select orrery_test.agent_up('a') as a \gset
select orrery_test.beat(:'a', '[]') as whole, orrery_test.beat(:'a') as ordinary \gset
select is((:'whole'::jsonb -> 'relays') - 0, '[]', 'it has one to pass bells on to');
select is(:'ordinary'::jsonb, '{}', 'which is told once');
select orrery_test.agent_up('c') is not null as more \gset
select orrery.agent_listeners();
select is(jsonb_array_length(orrery_test.beat(:'a') -> 'relays'), 2, 'until there is another');
select is(orrery_test.beat(:'a'), '{}', 'which is told once too');
update orrery.agent set listens = not listens where name in ('a', 'b');
select orrery.agent_listeners();
select is(orrery_test.beat(:'a') -> 'listen', 'false', 'and whether it listens');
select * from finish();
rollback;

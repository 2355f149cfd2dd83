-- Catches a server that was late and is stopped although it is ready, since its stop is still on its way.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.agent_up('a') as a \gset
select orrery.cluster_create('t');
select orrery.cluster_start('t');
select orrery_test.beat(:'a', '[]') is not null as claimed \gset
select orrery_test.beat(:'a', (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'starting')) from orrery.server s where s.cluster = 't'), '01') is not null as runs \gset
select orrery_test.clock_advance('20 s');
select orrery_test.beat(:'a', null, '01') is not null as heard \gset
select orrery.tick_servers();
select is((select count(*) from orrery.command c where c.cluster = 't' and c.verb = 'stop' and c.state = 'pending'), 2::bigint, 'late: told to stop');
select server_id as chat, epoch as e from orrery.server where cluster = 't' and kind = 'chat' \gset
select server_id as login, epoch as le from orrery.server where cluster = 't' and kind = 'login' \gset
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', :chat, 'epoch', :e, 'state', 'ready', 'pid', 7)));
select is((select state || ' by ' || rule from orrery.command where server_id = :chat and verb = 'stop'), 'void by server_ready', 'a report of READY voids it');
select is(orrery_test.beat(:'a', (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'ready')) from orrery.server s where s.cluster = 't'), '02') #> '{commands,0}', null,
  'an inventory that shows it ready is not answered by the stop');
select is((select state || ' by ' || rule from orrery.command where server_id = :login and verb = 'stop'), 'void by server_ready', 'which is void too');
select is(orrery_test.cluster_state(), 'running', 'and all run');

-- one that is not wanted any more
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
select orrery.server_request('plain', '1', 't') ->> 'server_id' as id \gset
select orrery_test.beat(:'a') is not null as claimed \gset
select orrery.server_stop(:id);
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'ready', 'pid', 7))) from orrery.server s where s.server_id = :id;
select is((select state from orrery.command where server_id = :id and verb = 'stop'), 'pending', 'READY does not undo the stop of a server that is not wanted');
select * from finish();
rollback;

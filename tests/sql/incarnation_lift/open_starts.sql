-- Catches a start of before a restore that is handed out although it may have been carried out after the backup.
begin;
set local client_min_messages = warning;
select plan(7);
delete from orrery.agent_heartbeat;
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"run"}', 't');
select orrery_test.agent_up('agent-t') as agent \gset
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
select (orrery.server_request('plain', '1', 't') ->> 'server_id')::bigint as one \gset
select (orrery.server_request('plain', '2', 't') ->> 'server_id')::bigint as two \gset
select epoch as epoch_one from orrery.server where server_id = :one \gset
select epoch as epoch_two from orrery.server where server_id = :two \gset
update orrery.incarnation set timeline = timeline - 1;
select orrery_test.agent_up('agent-t') as agent \gset
select is((select array_agg(distinct state) from orrery.command where verb = 'start'), '{void}', 'open starts are void');
select is((select count(distinct state) from orrery.server where server_id in (:one, :two) and state = 'starting'), 1::bigint, 'their servers wait');
select is(orrery_test.beat(:'agent', jsonb_build_array(jsonb_build_object('server_id', :one, 'epoch', :epoch_one::bigint, 'state', 'ready'))) -> 'commands', '[]', 'nothing is handed out again');
select is((select (state, epoch)::text from orrery.server where server_id = :one), format('(ready,%s)', :epoch_one), 'what was carried out is known by the inventory');
select is((select state from orrery.server where server_id = :two), 'requested', 'what was not is planned anew');
select cmp_ok((select epoch from orrery.server where server_id = :two), '>', :epoch_two::bigint, 'under a new epoch');
select is((select failures from orrery.server where server_id = :two), 0, 'which is not its failure');
select * from finish();
rollback;

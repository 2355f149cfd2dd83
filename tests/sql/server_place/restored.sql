-- Catches an epoch of before a restore that is started although it may have been started after the backup.
begin;
set local client_min_messages = warning;
select plan(5);
delete from orrery.agent_heartbeat;
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"run"}', 't');
select orrery_test.agent_up('agent-t') as agent \gset
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
update orrery.agent_heartbeat set beat_at = orrery.clock() - interval '1 hour';
select (orrery.server_request('plain', '1', 't') ->> 'server_id')::bigint as id \gset
select state as state, epoch as epoch from orrery.server where server_id = :id \gset
select is(:'state'::text, 'requested', 'it waits for room');
update orrery.agent_heartbeat set beat_at = orrery.clock();
update orrery.incarnation set timeline = timeline - 1;
select is(orrery.server_place(:id), true, 'placed after the restore');
select cmp_ok((select epoch >> 32 from orrery.server where server_id = :id), '>', (:epoch::bigint >> 32), 'under an epoch of the new incarnation');
select is((select p.epoch from orrery.placement p where p.server_id = :id), (select s.epoch from orrery.server s where s.server_id = :id), 'which its placement has too');
select is((select c.epoch from orrery.command c where c.server_id = :id), (select s.epoch from orrery.server s where s.server_id = :id), 'and its start');
select * from finish();
rollback;

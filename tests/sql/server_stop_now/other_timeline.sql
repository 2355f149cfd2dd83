-- Catches a server taken for never begun by a backup, in which the start that its agent fetched since is still pending.
begin;
set local client_min_messages = warning;
select plan(3);
select orrery_test.agent_up('agent-t') as a \gset
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"run"}', 't');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
select orrery.server_request('plain', '1', 't') ->> 'server_id' as id \gset
update orrery.incarnation set timeline = timeline - 1;
select is(orrery.server_stop_now(:id, 'not wanted', 'test_rule'), 'stopping', 'its agent must be told');
select is((select array_agg(verb || ' ' || state order by command_id) from orrery.command where server_id = :id), '{"start void","stop pending"}', 'and may run it already');
select is((select count(*) from orrery.port where server_id = :id), 2::bigint, 'it holds its ports until that is known');
select * from finish();
rollback;

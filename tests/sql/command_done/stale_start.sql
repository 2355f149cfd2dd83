-- Catches a late report of an earlier epoch's start that takes away the token of the present one.
begin;
set local client_min_messages = warning;
select plan(2);
select orrery_test.agent_up('agent-t') as a \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as agent \gset
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
select orrery.server_request('plain', '1', 't') ->> 'server_id' as id \gset
select command_id as start from orrery.command where server_id = :id \gset
update orrery.server set epoch = orrery.epoch_next() where server_id = :id;
select is(orrery.command_done(:agent, :start, true, null), true, 'settled');
select isnt((select token from orrery.server where server_id = :id), null, 'the token of the newer epoch stays');
select * from finish();
rollback;

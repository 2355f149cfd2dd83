-- Catches a command that is settled twice, by another agent, or a token that is kept although the process has it.
begin;
set local client_min_messages = warning;
select plan(15);
select orrery_test.agent_up('agent-t') as a \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as agent \gset
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
select orrery.server_request('plain', '1', 't') ->> 'server_id' as id \gset
select command_id as start from orrery.command where server_id = :id \gset
select orrery.command_add(:id, 'tell', '{}', 'test') as tell, orrery.command_add(:id, 'stop', '{}', 'test') as stop \gset
create function pg_temp.command(p_id bigint) returns text language sql as $$ select concat_ws(': ', state, reason) from orrery.command where command_id = p_id $$;
select orrery_test.agent_up('agent-x') ->> 'agent_id' as other \gset
select is(orrery.command_done(:other, :start, true, null), false, 'another agent''s');
select is(orrery.command_done(:agent, -1, true, null), false, 'an unknown one');
select is(pg_temp.command(:start), 'pending', 'change nothing');
select orrery.command_claim(:agent);
select is(orrery_test.refusal(format('select orrery.command_done(%s, %s, null, null)', :agent, :tell)) ->> 'code', 'OR003', 'neither done nor not done');
select is(orrery_test.refusal(format('select orrery.agent_report(%s, %L, ''[{"command_id":%s}]'')', :agent, :'a'::jsonb ->> 'token', :tell)) ->> 'code', 'OR003', 'is no report');
select is(orrery.command_done(:agent, :tell, true, null), true, 'carried out');
select is(pg_temp.command(:tell), 'done', 'done');
select isnt((select token from orrery.server where server_id = :id), null, 'the token of a server stays while its start is not reported');
select is(orrery.command_done(:agent, :stop, false, 'no such process'), true, 'not carried out');
select is(pg_temp.command(:stop), 'failed: no such process', 'failed, with the reason');
update orrery.command set state = 'pending', rule = 'test' where command_id = :start;
select is(orrery.command_done(:agent, :start, true, null), true, 'claimed before the agent registered anew');
select is(pg_temp.command(:start), 'done', 'counts too');
select is((select token from orrery.server where server_id = :id), null, 'and the token is forgotten');
select is(orrery.command_done(:agent, :start, false, 'late'), true, 'a second report is no surprise');
select is(pg_temp.command(:start), 'done', 'and changes nothing');
select * from finish();
rollback;

-- Catches a command that is lost on its way, comes too often or out of order, and a start without its token.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.agent_up('agent-t') as a \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as agent \gset
select is(orrery.command_claim(:agent), '[]', 'nothing to do');
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
select orrery.server_request('plain', '1', 't') ->> 'server_id' as id \gset
select orrery.command_add(:id, 'tell', '{"tell":"sync"}', 'test') as tell, orrery.command_add(:id, 'stop', '{"grace_ms":5}', 'test') as stop \gset
select orrery.command_claim(:agent) as c \gset
select is((select array_agg(x ->> 'verb') from jsonb_array_elements(:'c') x), '{start,tell,stop}', 'oldest first');
select is(:'c'::jsonb -> 0, jsonb_build_object('command_id', (select min(command_id) from orrery.command where cluster = 't'), 'verb', 'start', 'cluster', 't',
  'server_id', s.server_id, 'epoch', s.epoch, 'spec', :'c'::jsonb #> '{0,spec}'), 'named by cluster, server and epoch') from orrery.server s where s.server_id = :id;
select is(sha256(convert_to(:'c'::jsonb #>> '{0,spec,token}', 'UTF8')), (select token_hash from orrery.server where server_id = :id), 'a start has the token');
select is((select payload ? 'token' from orrery.command where server_id = :id and verb = 'start'), false, 'which the command does not keep');
select is(:'c'::jsonb #> '{1,message}', '{"tell":"sync"}', 'a tell has its message');
select is(:'c'::jsonb #> '{2,grace_ms}', '5', 'a stop its grace');
select is((select array_agg(distinct state) from orrery.command where server_id = :id), '{claimed}', 'they are claimed');
select is(orrery.command_claim(:agent), '[]', 'and not handed out again at once');
select orrery.command_done(:agent, :tell, true, null);
select orrery_test.clock_advance('3.1 s');
select is((select array_agg(x ->> 'verb') from jsonb_array_elements(orrery.command_claim(:agent)) x), '{start,stop}', 'but after command_retry_ms, unless reported');
select orrery.setting_set('commands_per_heartbeat', 1);
select orrery_test.clock_advance('3.1 s');
select is((select array_agg(x ->> 'verb') from jsonb_array_elements(orrery.command_claim(:agent)) x), '{start}', 'commands_per_heartbeat at most');
select is((select array_agg(x ->> 'verb') from jsonb_array_elements(orrery.command_claim(:agent)) x), '{stop}', 'the rest next time');
select is((select array_agg(attempts order by command_id) from orrery.command where server_id = :id), '{3,1,3}', 'each time is counted');
select is((select count(*) from orrery.event e where e.noun = 'command' and e.noun_id::bigint = :stop), 2::bigint, 'and leaves no event but for the first');
select is((select array_agg(verb || ' ' || (expires_at is null) order by command_id) from orrery.command where server_id = :id), '{"start true","tell false","stop true"}', 'what its agent may have begun expires no more');
select orrery.command_add(:id, 'tell', '{}', 'test') as late \gset
update orrery.command set expires_at = orrery.clock() where command_id = :late;
select is((select count(*) from jsonb_array_elements(orrery.command_claim(:agent)) x where (x ->> 'command_id')::bigint = :late), 0::bigint, 'what is too late is not handed out');
select (orrery_test.agent_up('agent-x') ->> 'agent_id')::bigint as other \gset
select is(orrery.command_claim(:other), '[]', 'another agent gets none of them');
select orrery_test.clock_advance('3.1 s');
select orrery.command_add(:id, 'tell', '{"tell":"theirs"}', 'test') as theirs \gset
update orrery.command set agent_id = :other where command_id = :theirs;
select is((select array_agg(x -> 'message') from jsonb_array_elements(orrery.command_claim(:other)) x), array['{"tell":"theirs"}'::jsonb], 'but its own alone');
select * from finish();
rollback;

-- Catches commands that are settled in any order, or those of another agent held up.
begin;
set local client_min_messages = warning;
select plan(4);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.agent_made() as agent \gset
select orrery.command_add(:login, 'tell', '{}', 'test') as a, orrery.command_add(:login, 'tell', '{}', 'test') as b, orrery.command_add(:chat, 'tell', '{}', 'test') as c, orrery.command_add(:chat, 'tell', '{}', 'test') as d \gset
update orrery.command set state = 'void' where command_id = :d;
create function pg_temp.held() returns bigint[] language sql as $$ select array_agg(command_id order by command_id) from orrery.command where xmax <> '0' and state = 'pending' $$;
select lives_ok(format('select orrery.commands_lock(%s, null, null), orrery.commands_lock(-1, array[%s]::bigint[], array[%s]::bigint[])', :agent, :a, :chat), 'none is no mistake');
select is(pg_temp.held(), null, 'and another agent''s are left alone');
select orrery.commands_lock(:agent, array[:b], null);
select is(pg_temp.held(), array[:b]::bigint[], 'those named');
select orrery.commands_lock(:agent, null, array[:chat]);
select is(pg_temp.held(), array[:b, :c]::bigint[], 'and the open ones of a server');
select * from finish();
rollback;

-- Catches a command that is done for a session which is not, or no longer, its server's.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t'), orrery_test.cluster_running('u');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'grid', 'aldra-2') as other,
  orrery_test.server_made('u', 'grid', 'aldra-1') as elsewhere, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat', 'grid', 'aldra-1', 't') as one \gset
select orrery_test.playing(:grid, :one) as s \gset
delete from orrery.hook where hook = 'command';
select orrery.hook_set('command', 'orrery_test.take_order');
create function pg_temp.code(p_server bigint, p_session jsonb, p_id bigint) returns text language sql as $$ select orrery_test.command(p_server, p_session, p_id, 'mine') #>> '{error,code}' $$;

select is(pg_temp.code(:other, :'s', 1), 'OR007', 'another server');
select is(pg_temp.code(:elsewhere, :'s', 1), 'OR007', 'of another cluster');
select is(pg_temp.code(:grid, :'s'::jsonb || '{"epoch":1}', 1), 'OR007', 'an epoch that is over');
select is(pg_temp.code(:grid, '{"session_id":-1,"epoch":1}', 1), 'OR007', 'no such session');
select throws_ok(format('select orrery.session_command(%s, ''[]'')', orrery_test.me(:login)), 'OR004', null, 'a login server has no commands');
select is((select count(*) from orrery_test.ordered), 0::bigint, 'nothing was done');
select is(pg_temp.code(:grid, :'s', 1), null, 'its own');

-- handed to the other
update orrery.session set server_id = :other, epoch = orrery.epoch_next() where session_id = (:'s'::jsonb ->> 'session_id')::bigint
returning jsonb_build_object('session_id', session_id, 'epoch', epoch) as s2 \gset
select is(pg_temp.code(:grid, :'s', 2), 'OR007', 'after a hand-off the former server does nothing');
select is(pg_temp.code(:grid, :'s2', 2), 'OR007', 'nor under the new epoch');
select is(pg_temp.code(:grid, :'s', 1), 'OR007', 'nor is it told what came of one before');
select is(pg_temp.code(:other, :'s', 2), 'OR007', 'nor does the new one under the old epoch');
select is(orrery_test.command(:other, :'s2', 1, 'mine'), '{"result":{"done":{}}}', 'but is told what came of one before');
select is((select count(*) from orrery_test.ordered), 1::bigint, 'without doing it again');
select is(pg_temp.code(:other, :'s2', 2), null, 'and does what is new');

update orrery.session set state = 'orphaned', rule = 'test' where session_id = (:'s'::jsonb ->> 'session_id')::bigint;
select is(pg_temp.code(:other, :'s2', 3), 'OR007', 'a session whose server died');
update orrery.session set state = 'ended', rule = 'test' where session_id = (:'s'::jsonb ->> 'session_id')::bigint;
select is(pg_temp.code(:other, :'s2', 3), 'OR007', 'one that has ended');
select is((select count(*) from orrery_test.ordered), 2::bigint, 'nothing was done');
select * from finish();
rollback;

-- Catches an answer about a session that names nobody, or that lets one be kept that is another server's.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('pat', 'One', 'grid', 'aldra-1', 't') as one \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select is(orrery.session_lost('7', :s, :e - 1), jsonb_build_object('ref', 7, 'error', jsonb_build_object('code', 'OR007', 'message', format('session %s, epoch %s, is not at this server', :s, :e - 1),
  'hint', format('It is selecting at server %s under epoch %s: drop what is held of it.', :login, :e))), 'where it is');
select is(orrery.session_lost(null, -1, 1) #>> '{error,hint}', 'There is no such session in this cluster: drop what is held of it.', 'none');
create function pg_temp.code(p_server bigint, p_session bigint, p_epoch bigint, p_character bigint) returns text language sql as $$
  select orrery_test.refusal(format('select orrery_test.selected(%s, %s, %s, %s)', p_server, p_session, p_epoch, p_character)) ->> 'code' $$;
select orrery_test.server_made('t', 'login', 'other') as other \gset
select is(pg_temp.code(:other, :s, :e, :one), 'OR007', 'another server');
select is(pg_temp.code(:login, :s, :e - 1, :one), 'OR007', 'an epoch that is over');
select is(pg_temp.code(:login, :s, :e + 1, :one), 'OR007', 'one that never was');
select is(pg_temp.code(:login, -1, :e, :one), 'OR007', 'an unknown session');
update orrery.session set state = 'waiting', character_id = :one where session_id = :s;
select is(pg_temp.code(:login, :s, :e, :one), null, 'while it waits it may go on');
select is(pg_temp.code(:login, :s, :e + 1, :one), 'OR007', 'under its epoch');
update orrery.session set state = 'ended' where session_id = :s;
select is(pg_temp.code(:login, :s, :e, :one), 'OR007', 'it has ended');
select * from finish();
rollback;

-- Catches a session that is used by a server that does not own it any more, or under an epoch that is over.
begin;
set local client_min_messages = warning;
select plan(10);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'One', 'grid', 'aldra-1', 't') as one \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.answer(:login, 'session_open', format('%s, null', :pat)) a \gset
create function pg_temp.code(p_server bigint, p_session bigint, p_epoch bigint) returns text language sql as $$
  select orrery_test.refusal(format('select orrery.session_owned((select v from orrery.server v where v.server_id = %s), (select n from orrery.session n where n.session_id = %s), %2$s, %L)',
    p_server, p_session, p_epoch)) ->> 'code'
$$;
select is(pg_temp.code(:login, :s, :e), null, 'its owner, under its epoch');
select is(pg_temp.code(:other, :s, :e), 'OR007', 'another server');
select is(pg_temp.code(:login, :s, :e - 1), 'OR007', 'an epoch that is over');
select is(pg_temp.code(:login, :s, :e + 1), 'OR007', 'one that never was');
select is(pg_temp.code(:login, :s, null), 'OR007', 'none');
select is(pg_temp.code(:login, -1, :e), 'OR007', 'an unknown session');
select is(orrery_test.refusal(format('select orrery.session_select(%s, %s, %s, %s)', orrery_test.me(:login), :s, :e - 1, :one)),
  jsonb_build_object('code', 'OR007', 'message', format('session %s, epoch %s, is not at this server', :s, :e - 1),
    'detail', format('It is selecting at server %s under epoch %s.', :login, :e), 'hint', 'Drop what is held of it.'), 'in words, by session_select');
update orrery.session set state = 'waiting', character_id = :one where session_id = :s;
select is(pg_temp.code(:login, :s, :e), null, 'while it waits too');
update orrery.session set state = 'playing' where session_id = :s;
select is(pg_temp.code(:login, :s, :e), 'OR007', 'it has logged in');
update orrery.session set state = 'ended' where session_id = :s;
select is(pg_temp.code(:login, :s, :e), 'OR007', 'it has ended');
select * from finish();
rollback;

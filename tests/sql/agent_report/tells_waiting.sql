-- Catches players who wait for a grid and are not told that it is ready, or that it failed.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select s.server_id as login from orrery.server s where s.cluster = 't' and s.kind = 'login' \gset
select orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one \gset
insert into orrery.session (cluster, account_id, character_id, server_id, epoch, state, rule, state_at, opened_at)
values ('t', :pat, :one, :login, 1, 'selecting', 'test', now(), now()) returning session_id as s \gset
update orrery.session set state = 'waiting' where session_id = :s;
select orrery.server_request('grid', 'aldra-1', 't');
select orrery_test.carry_out(:'a');
select is((select c -> 'message' from jsonb_array_elements(orrery_test.beat(:'a') -> 'commands') c where (c ->> 'server_id')::bigint = :login),
  '{"tell":"ready","kind":"grid","key":"aldra-1"}', 'ready');
select orrery.server_kind_set('grid', '{"start_attempts_max":1}', 't');
select orrery_test.report(:'a', (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'exited', 'reason', 'boom'))
  from orrery.server s where s.cluster = 't' and s.kind = 'grid'));
select is((select c -> 'message' from jsonb_array_elements(orrery_test.beat(:'a') -> 'commands') c where c ->> 'verb' = 'tell'),
  '{"tell":"failed","kind":"grid","key":"aldra-1","reason":"gave up after 1 failure: boom"}', 'failed');
select * from finish();
rollback;

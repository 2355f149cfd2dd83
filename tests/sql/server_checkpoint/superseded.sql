-- Catches a server that saves a world which another has by now, or cannot save its own any more while it stops.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_request('grid', 'aldra-1', 't') ->> 'server_id' as grid \gset
select orrery_test.carry_out(:'a');
update orrery.server set token_hash = sha256(convert_to(orrery_test.token_of(server_id), 'UTF8')) where server_id = :grid;
select orrery_test.me(:grid) as me \gset
create function pg_temp.save(p_me text, p_world jsonb, p_sessions jsonb default '[]') returns jsonb language sql as $$
  select orrery_test.refusal(format('select orrery.server_checkpoint(%s, %L, %L)', p_me, p_world, p_sessions)) $$;
create function pg_temp.saved() returns jsonb language sql as $$ select saved from orrery.world where cluster = 't' and kind = 'grid' and key = 'aldra-1' $$;
-- one of its players, put there by hand
select orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat', 'grid', 'aldra-1', 't') as one \gset
insert into orrery.session (cluster, account_id, character_id, server_id, epoch, state, rule, state_at, opened_at)
values ('t', :pat, :one, (select server_id from orrery.server where kind = 'login' and cluster = 't'), orrery.epoch_next(), 'selecting', 'test', now(), now());
update orrery.session set state = 'playing', server_id = :grid, rule = 'test' where account_id = :pat returning session_id as s, epoch as e \gset
select jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e, 'state', '{"x":1}'::jsonb)) as entries \gset

select pg_temp.save(:'me', '{"n":1}');
select orrery.server_stop(:grid);
select is((select state from orrery.server where server_id = :grid), 'stopping', 'it stops');
select is(pg_temp.save(:'me', '{"n":2}'), null, 'and saves its world for the last time');
select is(pg_temp.saved(), '{"n":2}', 'which is kept: nobody else has the key');
select orrery.server_request('grid', 'aldra-1', 't') ->> 'server_id' as next \gset
select isnt(:next, :grid, 'another has it by now');
select is(pg_temp.save(:'me', '{"n":3}', :'entries'), null, 'what it says of the world means nothing');
select is(pg_temp.saved(), '{"n":2}', 'since the next may have begun with what there was');
select is((select state from orrery."character" where character_id = :one), '{"x":1}', 'but its players are its own still');

select orrery_test.carry_out(:'a');
select is(pg_temp.save(:'me', '{"n":4}') ->> 'code', 'OR007', 'it is gone');
select orrery_test.carry_out(:'a');
update orrery.server set token_hash = sha256(convert_to(orrery_test.token_of(server_id), 'UTF8')) where server_id = :next;
select orrery_test.me(:next) as me \gset
select is(pg_temp.save(:'me', '{"n":5}'), null, 'the next saves');
-- it dies and is placed anew, as the same row
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', :next, 'epoch', (select epoch from orrery.server where server_id = :next),
  'state', 'exited', 'by_lease', true, 'by_agent', true, 'reason', 'lease')));
select orrery.server_request('grid', 'aldra-1', 't');
select orrery_test.carry_out(:'a');
select is(pg_temp.save(:'me', '{"n":6}', :'entries') ->> 'code', 'OR007', 'under its old epoch it saves nothing');
select is(pg_temp.saved(), '{"n":5}', 'not a thing');
select * from finish();
rollback;

-- Catches a checkpoint that loses what was to be saved, or saves it for somebody else.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.server_made('t', 'grid', 'aldra-2') as other, orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'eve') as eve \gset
select orrery.character_create('pat', 'Pat', 'grid', 'aldra-1', 't') as pat_c, orrery.character_create('eve', 'Eve', 'grid', 'aldra-2', 't') as eve_c \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e0 from orrery_test.opened(:login, :pat) a \gset
select orrery_test.selected(:login, :s, :e0, :pat_c) #>> '{owner,epoch}' as e \gset
select a ->> 'session_id' as s2, orrery_test.selected(:login, (a ->> 'session_id')::bigint, (a ->> 'epoch')::bigint, :eve_c) #>> '{owner,epoch}' as e2
from orrery_test.opened(:login, :eve) a \gset
create function pg_temp.save(p_server bigint, p_world jsonb, p_sessions jsonb) returns jsonb language sql as $$
  select orrery_test.answer(p_server, 'server_checkpoint', format('%L, %L', p_world, p_sessions)) $$;
create function pg_temp.entry(p_session bigint, p_epoch bigint, p_state jsonb) returns jsonb language sql as $$
  select jsonb_build_object('session_id', p_session, 'epoch', p_epoch, 'state', p_state) $$;
create function pg_temp.state_of(p_character bigint) returns jsonb language sql as $$ select state from orrery."character" where character_id = p_character $$;
create function pg_temp.saved_of(p_server bigint) returns jsonb language sql as $$ select orrery_test.answer(p_server, 'server_start_info') -> 'saved' $$;

select pg_temp.save(:grid, '{"rocks":3}', jsonb_build_array(pg_temp.entry(:s, :e, '{"x":1}')));
select is(pg_temp.saved_of(:grid), '{"rocks":3}', 'the world');
select is((select saved_epoch = s.epoch and saved_at is not null from orrery.world w join orrery.server s using (cluster, kind, key) where s.server_id = :grid), true, 'who saved it, and when');
select is(pg_temp.saved_of(:other), 'null', 'nobody else''s');
select is(pg_temp.state_of(:pat_c), '{"x":1}', 'and the character');
select is((select (state, epoch)::text from orrery.session where session_id = :s), format('(playing,%s)', :e), 'whose session goes on');
select pg_temp.save(:grid, null, jsonb_build_array(pg_temp.entry(:s, :e, '{"x":2}')));
select pg_temp.save(:grid, 'null', '[]');
select is(pg_temp.saved_of(:grid), '{"rocks":3}', 'null: the world stays');
select is(pg_temp.state_of(:pat_c), '{"x":2}', 'the character is saved alone');
select pg_temp.save(:grid, '{"rocks":2}', '[]');
select is((pg_temp.saved_of(:grid), pg_temp.state_of(:pat_c))::text, '("{""rocks"": 2}","{""x"": 2}")', 'and so is the world');
select pg_temp.save(:grid, null, jsonb_build_array(pg_temp.entry(:s, :e, '{"x":3}'), pg_temp.entry(:s, :e, 'null'), pg_temp.entry(:s, :e, '7'),
  jsonb_build_object('session_id', :s, 'epoch', :e), pg_temp.entry(:s, :e, '{"x":4}')));
select is(pg_temp.state_of(:pat_c), '{"x":4}', 'the last of several; what is no state is none');

select pg_temp.save(:grid, null, jsonb_build_array(pg_temp.entry(:s, :e0, '{"x":"old epoch"}'), pg_temp.entry(:s2, :e2, '{"x":"another server"}'),
  pg_temp.entry(-1, 1, '{}'), pg_temp.entry(null, null, '{}')));
select is(pg_temp.state_of(:pat_c), '{"x":4}', 'an older epoch means nothing');
select is(pg_temp.state_of(:eve_c), '{}', 'nor does another server''s session');
update orrery.session set state = 'orphaned', rule = 'test' where session_id = :s;
select pg_temp.save(:grid, null, jsonb_build_array(pg_temp.entry(:s, :e, '{"x":"orphaned"}')));
update orrery.session set state = 'ended', rule = 'test' where session_id = :s;
select pg_temp.save(:grid, null, jsonb_build_array(pg_temp.entry(:s, :e, '{"x":"ended"}')));
select is(pg_temp.state_of(:pat_c), '{"x":4}', 'nor one that is not in play any more');

select throws_ok(format('select orrery.server_checkpoint(%s, null, null)', orrery_test.me(:grid)), 'OR003', null, 'no sessions');
select throws_ok(format('select orrery.server_checkpoint(%s, null, ''{}'')', orrery_test.me(:grid)), 'OR003', null, 'no array');
select throws_ok(format('select orrery.server_checkpoint(%s, null, ''[7]'')', orrery_test.me(:grid)), 'OR003', null, 'no entry');
select throws_ok(format('select orrery.server_checkpoint(%s, null, ''[{"session_id":"x"}]'')', orrery_test.me(:grid)), 'OR003', null, 'no number');
select throws_ok(format('select orrery.server_checkpoint(%s, ''[]'', ''[]'')', orrery_test.me(:grid)), 'OR003', null, 'no world');
select throws_ok(format('select orrery.server_checkpoint(%s, jsonb_build_object(''a'', repeat(''x'', 1048576)), ''[]'')', orrery_test.me(:grid)), 'OR003', null, 'too much of one');
select throws_ok(format('select orrery.server_checkpoint(%s, null, ''[]'')', orrery_test.me(:login)), 'OR004', null, 'a login server has none');
select * from finish();
rollback;

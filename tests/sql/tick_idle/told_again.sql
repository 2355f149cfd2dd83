-- Catches an end that its server was not told of because it was busy just then, or because the answer was lost.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.selected(:login, :s, :e, :ann) #>> '{owner,epoch}' as e2 \gset
select orrery_test.answer(:grid, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner'))));
delete from orrery.command where verb = 'tell';
create function pg_temp.told(p_server bigint, p_tell text) returns bigint language sql as $$ select count(*) from orrery.command where server_id = p_server and verb = 'tell' and payload ->> 'tell' = p_tell and state = 'pending' $$;
select orrery.session_end_all(array[:s], 'test', 'x');
update orrery.session set taken = false where session_id = :s;
select orrery.tick_idle();
select is(pg_temp.told(:grid, 'sync'), 0::bigint, 'not at once');
select orrery_test.clock_advance('2 s');
select orrery.tick_idle(), orrery.tick_idle();
select is(pg_temp.told(:grid, 'sync'), 1::bigint, 'after a second, once');
select orrery_test.answer(:grid, 'server_sync');
delete from orrery.command where verb = 'tell';
select orrery.tick_idle();
select is(pg_temp.told(:grid, 'sync'), 1::bigint, 'again while it has not said that it heard');
select orrery_test.answer(:grid, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'role', 'owner', 'ended', true))));
delete from orrery.command where verb = 'tell';
select orrery.tick_idle();
select is(pg_temp.told(:grid, 'sync'), 0::bigint, 'and then no more');
select * from finish();
rollback;

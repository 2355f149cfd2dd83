-- Catches a session that outlives its token, that ends unsaved when its token runs out, or that is taken from a server which is cut
-- off before its lease is over.
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
select a ->> 'session_id' as k from orrery_test.opened(:login, :kim) a \gset
delete from orrery.command where verb = 'tell';
select orrery_test.clock_advance('24 h 1 s');
update orrery.session set state_at = orrery.clock() where session_id = :k;
select orrery.tick_idle();
select is(orrery_test.answer(:grid, 'server_sync') -> 'release', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'reason', 'token expired')), 'its server is to save it');
select is(pg_temp.told(:grid, 'sync'), 1::bigint, 'at once');
select is((select state || ': ' || reason from orrery.session where session_id = :k), 'ended: token expired', 'one that does not play ends');
delete from orrery.agent_heartbeat;
select orrery_test.clock_advance('11 s');
select orrery.tick_idle();
select is((select state from orrery.session where session_id = :s), 'playing', 'of a machine that is not heard of the lease ends first');
insert into orrery.agent_heartbeat (agent_id, beat_at, cpu, memory_used_bytes) select agent_id, orrery.clock(), 0, 0 from orrery.agent;
select orrery.tick_idle();
select is((select state || ': ' || reason from orrery.session where session_id = :s), 'ended: token expired', 'and the other too, saved or not, where it is heard of');
select is(orrery_test.answer(:grid, 'server_sync') #>> '{ended,0,reason}', 'token expired', 'as its server is told');
select * from finish();
rollback;

-- Catches an owner that never releases, or one that is cut off and overruled before its lease is over.
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
insert into orrery.agent_heartbeat (agent_id, beat_at, cpu, memory_used_bytes) select agent_id, now(), 0, 0 from orrery.agent on conflict (agent_id) do update set beat_at = now();
select orrery_test.opened(:login, :pat);
select orrery_test.clock_advance('11 s');
select is(orrery_test.opened(:login, :pat) ->> 'status', 'superseding', 'of a machine that is not heard of the lease ends first');
update orrery.agent_heartbeat set beat_at = orrery.clock();
select isnt(orrery_test.opened(:login, :pat) ->> 'session_id', null, 'one that is heard of had its time');
select is((select state || ': ' || reason from orrery.session where session_id = :s), 'ended: superseded', 'the old one is over');
select is(orrery_test.answer(:grid, 'server_sync') #>> '{ended,0,session_id}', :'s', 'as its server is told');
select orrery_test.answer(:grid, 'session_end', quote_literal(jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'reason', 'superseded', 'state', '{"late":1}'::jsonb))));
select is((select state from orrery.character where character_id = :ann), '{}', 'what it says later changes nothing');
select * from finish();
rollback;

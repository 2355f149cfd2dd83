-- Catches a second session of an account, a first one that is ended without being saved, or a player who waits for ever for a server that does not release him.
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
select is(orrery_test.opened(:other, :pat), '{"status":"superseding"}', 'he plays elsewhere');
select is((select state from orrery.session where session_id = :s), 'playing', 'which goes on');
select is(pg_temp.told(:grid, 'sync'), 1::bigint, 'its server is told at once');
select is(orrery_test.answer(:grid, 'server_sync') -> 'release', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'reason', 'superseded')), 'and what to save and end');
select is(orrery_test.answer(:login, 'server_sync') -> 'release', '[]', 'nobody else');
select is(orrery_test.opened(:other, :pat), '{"status":"superseding"}', 'asked again');
select is((select awaited_by from orrery.session where session_id = :s), array[:other]::bigint[], 'who waits');
select orrery_test.answer(:grid, 'session_end', quote_literal(jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e2, 'reason', 'superseded', 'state', '{"saved":1}'::jsonb))));
select is((select state || ': ' || reason from orrery.session where session_id = :s), 'ended: superseded', 'released');
select is((select state from orrery.character where character_id = :ann), '{"saved":1}', 'and saved');
select is((select payload from orrery.command where server_id = :other and payload ->> 'tell' = 'released'), jsonb_build_object('tell', 'released', 'account_id', :pat), 'who waited is told');
select a ->> 'session_id' as s2, a ->> 'epoch' as e2 from orrery_test.opened(:other, :pat) a \gset
select isnt(:s2, :s, 'and lets him in');
select a ->> 'session_id' as s3, a ->> 'epoch' as e3 from orrery_test.opened(:login, :pat) a \gset
select is((select state || ': ' || reason from orrery.session where session_id = :s2), 'ended: superseded', 'one that does not play yet is ended at once');
select is(orrery_test.answer(:other, 'server_sync') #>> '{ended,0,reason}', 'superseded', 'its login server hears of it');
select is(orrery_test.refusal(format('select orrery_test.selected(%s, %s, %s, %s)', :other, :s2, :e2, :ann)) ->> 'code', 'OR007', 'and cannot hand it over any more');
select is((orrery_test.opened(:login, :pat) ->> 'session_id')::bigint > :s3, true, 'asked again because the answer was lost');
select is((select array_agg(state) from orrery.session where account_id = :pat and state <> 'ended'), array['selecting'], 'one is left');
select * from finish();
rollback;

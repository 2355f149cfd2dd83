-- Catches a player who is logged out in the database and plays on, one who is kept out for ever, and a kick across clusters.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
select orrery_test.account_made('t', 'ann') as ann \gset
select orrery.character_create('ann', 'Ann', 'grid', 'aldra-1', 't') as c_ann \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :ann) a \gset
select orrery_test.selected(:login, :s, :e, :c_ann) as selected \gset
select orrery_test.answer(:grid, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :'selected'::jsonb #> '{owner,epoch}', 'role', 'owner')))) ->> 'x' as taken \gset
select is((select state || taken from orrery.session where session_id = :s), 'playingtrue', 'in play');
select to_jsonb(n) as before from orrery.session n where n.session_id = :s \gset
create role orrery_test_u login in role orrery_admin;
create role orrery_test_viewer login in role orrery_viewer;
select orrery_test.cluster_running('u');
select orrery.cluster_grant('u', 'orrery_test_u'), orrery.cluster_grant('t', 'orrery_test_viewer');
select is(orrery_test.as_login('orrery_test_u', format('select orrery.session_kick(%s)', :s)), 'OR001', 'another cluster''s login');
select is(orrery_test.as_login('orrery_test_viewer', format('select orrery.session_kick(%s)', :s)), '42501', 'a viewer');
select is(orrery_test.refusal('select orrery.session_kick(null)') ->> 'code', 'OR003', 'null');
select is(orrery_test.refusal('select orrery.session_kick(-1)') ->> 'code', 'OR001', 'unknown');
select is(orrery_test.refusal(format('select orrery.session_kick(%s, repeat(''x'', 201))', :s)) ->> 'code', 'OR003', 'a story for a reason');
select is(orrery_test.refusal(format('select orrery.session_kick(%s, E''a\nb'')', :s)) ->> 'code', 'OR003', 'a reason with a line break');
select is(orrery_test.refusal(format('select orrery.session_kick(%s, $q$$q$)', :s)) ->> 'code', 'OR003', 'an empty reason');
select is((select to_jsonb(n) from orrery.session n where n.session_id = :s), :'before'::jsonb, 'nothing was changed');
select orrery.session_kick(:s, 'spam') as event \gset
select is((select state || ' by ' || rule || ': ' || reason from orrery.session where session_id = :s), 'ended by session_kick: kicked: spam', 'ended');
select is((select reason from orrery.event where event_id = :event and rule = 'session_kick' and noun_id = :'s'), 'ann as Ann is logged out by postgres: spam', 'the event is answered');
select is((select array_agg(server_id order by server_id) from orrery.command where verb = 'tell' and payload = '{"tell":"sync"}'), array[:chat, :grid]::bigint[], 'its server and its chat are told at once');
select is(orrery_test.answer(:grid, 'server_sync') #> '{ended,0}', jsonb_build_object('session_id', :s::bigint, 'epoch', :'selected'::jsonb #> '{owner,epoch}', 'role', 'owner', 'reason', 'kicked: spam'), 'and hear of it');
select is(orrery_test.answer(:chat, 'server_sync') #>> '{ended,0,session_id}', :'s', 'both');
select orrery_test.answer(:grid, 'server_sync', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :'selected'::jsonb #> '{owner,epoch}', 'role', 'owner', 'ended', true)))) -> 'ended' as again \gset
select is(:'again'::jsonb, '[]', 'until they have taken note');
select is(orrery_test.refusal(format('select orrery.session_kick(%s)', :s)) ->> 'code', 'OR002', 'once');
select a ->> 'session_id' as s2 from orrery_test.opened(:login, :ann) a \gset
select lives_ok(format('select orrery.session_kick(%s)', :s2), 'it may log in again, and one that is logging in is ended too');
select is(orrery_test.answer(:login, 'server_sync') #>> '{ended,0,session_id}', :'s2', 'its login server is told');
select * from finish();
rollback;

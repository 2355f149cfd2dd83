-- Catches a ban that lets him play on, or log in, or that never ends.
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
select orrery.account_ban('PAT', 'cheats', 60, 't') as ev \gset
select is((select state from orrery.session where session_id = :s), 'ended', 'out at once');
select is(pg_temp.told(:grid, 'sync'), 1::bigint, 'his server is told');
select alike(orrery_test.answer(:grid, 'server_sync') #>> '{ended,0,reason}', 'banned until % UTC: cheats', 'and why');
delete from orrery.command where verb = 'tell';
select orrery.account_ban('pat', 'cheats', 60, 't');
select is(pg_temp.told(:chat, 'sync'), 1::bigint, 'chat again, as long as it has not heard that he is gone');
select is((select (noun_id, detail ->> 'session_id')::text from orrery.event where event_id = :ev), format('(%s,%s)', :pat, :s), 'an event');
select alike(orrery_test.refusal(format('select orrery_test.opened(%s, %s)', :login, :pat)) ->> 'message', 'banned until % UTC: cheats', 'nor may he come back');
select alike((select ban from orrery.account_status where name = 'pat'), 'banned until % UTC: cheats', 'it is shown');
select is(orrery_test.one(:login, 'login_begin', '{"name":"pat","address":"192.0.2.1:1"}') ->> 'account_id', :'pat', 'who has not the password does not learn of it');
select orrery_test.clock_advance('61 s');
select lives_ok(format('select orrery_test.opened(%s, %s)', :login, :pat), 'until it is over');
select is((select ban from orrery.account_status where name = 'pat'), null, 'which is shown');
select orrery.account_ban('pat', 'again', null, 't'), orrery.account_ban('kim', 'x', 1, 't');
select is(orrery_test.refusal(format('select orrery_test.opened(%s, %s)', :login, :pat)) ->> 'message', 'banned for good: again', 'for good');
select is(orrery_test.refusal(format('select orrery.account_ban(%L, %L, %L, ''t'')', n, r, s)) ->> 'code', c, coalesce(r, 'null') || coalesce(s, 'null'))
from (values ('pat', null, null, 'OR003'), ('pat', '', null, 'OR003'), ('pat', E'a\nb', null, 'OR003'), ('pat', repeat('x', 201), null, 'OR003'), ('pat', 'x', '0', 'OR003'), ('pat', 'x', '-1', 'OR003'),
  ('pat', 'x', '9223372036854775807', 'OR003'), ('nobody', 'x', null, 'OR001'), (null, 'x', null, 'OR003')) v (n, r, s, c);
select * from finish();
rollback;

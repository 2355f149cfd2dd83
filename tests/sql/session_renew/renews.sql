-- Catches a token that is renewed for who may not play, by who does not own it, or after it has run out; and one that is not, for the
-- length of its epoch.
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
create function pg_temp.renew(p_server bigint, p_session bigint, p_epoch bigint) returns jsonb language sql as $$
  select orrery_test.answer(p_server, 'session_renew', quote_literal(jsonb_build_array(jsonb_build_object('session_id', p_session, 'epoch', p_epoch), 5, null, jsonb_build_object('session_id', 'x')))) $$;
select orrery_test.clock_advance('12 h');
select is(pg_temp.renew(:grid, :s, :e2), jsonb_build_array(jsonb_build_object('session_id', :s, 'expires_in_ms', 86400000)), 'for another day');
select is((select date_trunc('minute', token_expires_at - orrery.clock() + '1 s') from orrery.session where session_id = :s), '1 day', 'from now');
select is(pg_temp.renew(:login, :s, :e2), '[]', 'not by another server');
select is(pg_temp.renew(:grid, :s, :e), '[]', 'not under another epoch');
select orrery.account_active_set('pat', false, 't');
select is(pg_temp.renew(:grid, :s, :e2), '[]', 'not of who may not log in');
select orrery.account_active_set('pat', true, 't');
update orrery.account set banned_at = now(), banned_until = orrery.clock() + '1 s', ban_reason = 'x' where account_id = :pat;
select is(pg_temp.renew(:grid, :s, :e2), '[]', 'nor of who is banned');
select orrery_test.clock_advance('2 s');
select is(jsonb_array_length(pg_temp.renew(:grid, :s, :e2)), 1, 'until that is over');
update orrery.session set epoch = 4611686022722355201 where session_id = :s; -- after incarnation_raise(1 << 30)
select is(jsonb_array_length(pg_temp.renew(:grid, :s, 4611686022722355201)), 1, 'whatever the length of its epoch');
select orrery_test.clock_advance('25 h');
select is(pg_temp.renew(:grid, :s, 4611686022722355201), '[]', 'nor after it ran out');
select throws_ok(format('select orrery.session_renew(%s, ''{}'')', orrery_test.me(:grid)), 'OR003', null, 'no array');
select * from finish();
rollback;

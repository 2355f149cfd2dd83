-- Catches an account locked out for good because the answer of session_open was lost, so that its login server never
-- ends the session; and a login that is ended while it may still go on.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('kim', 'Kim One', 'grid', 'aldra-1', 't') as one \gset
select orrery_test.opened(:login, :pat) ->> 'session_id' as s \gset
select a ->> 'session_id' as w, a ->> 'epoch' as e from orrery_test.opened(:login, :kim) a \gset
create function pg_temp.state_of(p_session bigint) returns text language sql as $$ select state from orrery.session where session_id = p_session $$;
select orrery_test.clock_advance('59 s');
select is(orrery_test.selected(:login, :w, :e, :one) ->> 'status', 'waiting', 'selected late');
select orrery_test.clock_advance('30 s');
select orrery.tick_idle();
select is(pg_temp.state_of(:s), 'selecting', 'not before login_stale_ms');
select orrery_test.clock_advance('2 s');
select orrery.tick_idle();
select is((select format('%s: %s by %s', state, reason, rule) from orrery.session where session_id = :s), 'ended: login not finished by tick_idle', 'then');
select is((select array_agg(root is null) from orrery.session_secret where session_id = :s), array[true], 'its root is gone');
select is(pg_temp.state_of(:w), 'waiting', 'since its last step, not since it was opened');
select is(orrery_test.answer(:login, 'server_sync') #>> '{ended,0,reason}', 'login not finished', 'its server is told');
select orrery_test.clock_advance('60 s');
select orrery.tick();
select is(pg_temp.state_of(:w), 'ended', 'one that waits is ended too, by the tick');
select is(orrery_test.refusal(format('select orrery_test.selected(%s, %s, %s, %s)', :login, :w, :e, :one)) ->> 'code', 'OR007', 'and goes no further');
select lives_ok(format('select orrery_test.opened(%s, %s)', :login, :pat), 'the account may log in again');
select is((select orrery.server_is_empty(s) from orrery.server s where s.cluster = 't' and s.kind = 'grid'), true, 'and nobody holds the grid');
select orrery.setting_set('login_timeout_ms', 300000);
select orrery_test.clock_advance('120 s');
select orrery.tick_idle();
select is((select count(*) from orrery.session where account_id = :pat and state = 'selecting'), 1::bigint, 'never before login_timeout_ms');
select * from finish();
rollback;

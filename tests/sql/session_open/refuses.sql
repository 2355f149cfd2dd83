-- Catches a second session of an account, and logins that must not be.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.answer(:login, 'session_end', format('%L', jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :e, 'reason', 'logout'))));
select lives_ok(format('select orrery_test.opened(%s, %s)', :login, :pat), 'again after a logout');
select orrery_test.account_made('t', 'kim') as kim \gset
select orrery.account_active_set('kim', false, 't');
select throws_ok(format('select orrery_test.opened(%s, %s)', :login, :kim), 'OR002', null, 'not active');
select throws_ok(format('select orrery_test.opened(%s, -1)', :login), 'OR001', null, 'unknown account');
select throws_ok(format('select orrery_test.opened(%s, null)', :login), 'OR003', null, 'null');
select throws_ok(format('select orrery_test.opened(%s, %s, %L)', :login, :kim, address), 'OR003', null, 'such an address') from unnest(array['', E'a\nb', repeat('x', 101)]) address;
select throws_ok(format('select orrery_test.opened(%s, %s)', :grid, :kim), 'OR004', null, 'not a login server');
select orrery.account_active_set('kim', true, 't');
update orrery.server_kind set sessions_max = 1 where cluster = 't' and kind = 'login';
select throws_ok(format('select orrery_test.opened(%s, %s)', :login, :kim), 'OR006', null, 'full');
update orrery.cluster set state = 'shutting_down', shutdown_at = now() where cluster = 't';
update orrery.cluster set state = 'stopping' where cluster = 't';
select throws_ok(format('select orrery_test.opened(%s, %s)', :login, :kim), 'OR002', null, 'its cluster is stopping');
select is((select count(*)::int from orrery.session where account_id = :kim), 0, 'no session came of it');
select * from finish();
rollback;

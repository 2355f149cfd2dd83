-- Catches a session that is moved by who does not own it, to whom it does not belong, or to a full server.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.account_made('t', 'kim') as kim \gset
select orrery.character_create('kim', 'Kim One', 'grid', 'aldra-1', 't') as kims \gset
select throws_ok(format('select orrery_test.selected(%s, %s, %s, %s)', :login, :s, :e, :kims), 'OR001', null, 'a character of another account');
select throws_ok(format('select orrery_test.selected(%s, %s, %s, null)', :login, :s, :e), 'OR003', null, 'no character');
select throws_ok(format('select orrery_test.selected(%s, %s, %s, %s)', :grid, :s, :e, :one), 'OR007', null, 'another server');
select throws_ok(format('select orrery_test.selected(%s, %s, %s, %s)', :login, :s, :e - 1, :one), 'OR007', null, 'another epoch');
select throws_ok(format('select orrery_test.selected(%s, %s, null, %s)', :login, :s, :one), 'OR003', null, 'no epoch');
select throws_ok(format('select orrery_test.selected(%s, -1, %s, %s)', :login, :e, :one), 'OR007', null, 'unknown session');
update orrery.server_kind set sessions_max = 0 where cluster = 't' and kind = 'grid';
select throws_ok(format('select orrery_test.selected(%s, %s, %s, %s)', :login, :s, :e, :one), 'OR006', null, 'a full server');
select is((select (server_id, state)::text from orrery.session where session_id = :s), format('(%s,selecting)', :login), 'nothing has changed');
select * from finish();
rollback;

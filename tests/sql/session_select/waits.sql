-- Catches a hand-off to a server that is not ready, and a request that nobody made.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select orrery_test.selected(:login, :s, :e, :two) as a \gset
select is(:'a'::jsonb ->> 'status', 'waiting', 'velo-2 has no server yet');
select ok(:'a'::jsonb ->> 'reason' like 'grid velo-2%', 'it says what it waits for');
select is((select state from orrery.session where session_id = :s), 'waiting', 'the session waits');
select is((select server_id from orrery.session where session_id = :s), :login::bigint, 'still at login');
select is((select count(*)::int from orrery.server where cluster = 't' and kind = 'grid' and key = 'velo-2'), 1, 'the server is asked for');
select orrery_test.selected(:login, :s, :e, :two);
select is((select count(*)::int from orrery.event where noun = 'session' and noun_id = :'s' and to_state = 'waiting'), 1, 'asking again is no event');
select is(orrery_test.selected(:login, :s, :e, :one) ->> 'status', 'ready', 'it may choose a place that is ready');
select is((select state from orrery.session where session_id = :s), 'playing', 'and plays');
select * from finish();
rollback;

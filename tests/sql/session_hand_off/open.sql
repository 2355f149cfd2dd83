-- Catches a question for a place that moves somebody, takes a seat, or says that what does not exist is open.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b']) n;
create temp table before as select s, c from orrery.session s join orrery.character c using (character_id);
create function pg_temp.asks(p_grid bigint, p_kind text, p_key text) returns jsonb language sql as $$
  select orrery_test.one(p_grid, 'session_hand_off', orrery_test.hand('a', p_kind, p_key) - 'ref' - 'state') $$;
select is(pg_temp.asks(:grid, 'station', 'aldra-gate'), '{"status":"open"}', 'it is ready');
select is(pg_temp.asks(:grid, 'grid', 'velo-2') ->> 'status', 'waiting', 'it is asked for');
select throws_ok(format('select pg_temp.asks(%s, ''grid'', ''nowhere'')', :grid), 'OR001', null, 'no such place');
select throws_ok(format('select pg_temp.asks(%s, ''grid'', ''aldra-1'')', :grid), 'OR003', null, 'where it is');
select throws_ok(format('select pg_temp.asks(%s, ''grid'', ''aldra-1'')', :station), 'OR007', null, 'not its own');
select set_eq('select s, c from orrery.session s join orrery.character c using (character_id)', 'select * from before', 'nothing has changed');
update orrery.server_kind set sessions_max = 1 where cluster = 't' and kind = 'station';
select is(jsonb_path_query_array(orrery_test.answer(:grid, 'session_hand_off', quote_literal(jsonb_build_array(orrery_test.hand('a', 'station', 'aldra-gate') - 'state', orrery_test.hand('b', 'station', 'aldra-gate')))), '$[*].status'),
  '["open","ready"]', 'who asks takes no seat');
select * from finish();
rollback;

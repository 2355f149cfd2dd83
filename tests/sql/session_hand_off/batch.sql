-- Catches entries that spoil each other, answers out of order, or a batch that is none.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b', 'c']) n;
select orrery_test.answer(:grid, 'session_hand_off', quote_literal(jsonb_build_array(orrery_test.hand('a', 'station', 'aldra-gate'), 5, orrery_test.hand('b', 'grid', 'velo-2'),
  orrery_test.hand('a', 'grid', 'velo-2'), orrery_test.hand('c', 'grid', 'nowhere'), orrery_test.hand('c', 'station', 'aldra-gate', '{"state":7,"ref":"no state"}')))) as a \gset
select is((select jsonb_agg(jsonb_build_array(v -> 'ref', v -> 'status', v #> '{error,code}')) from jsonb_array_elements(:'a') v),
  '[["a","ready",null],[null,null,"OR003"],["b","waiting",null],["a",null,"OR003"],["c",null,"OR001"],["no state",null,"OR003"]]', 'each for itself');
select is((select array_agg(server_id order by name) from orrery_test.player join orrery.session using (session_id)), array[:station, :grid, :grid]::bigint[], 'one has gone');
select is(orrery_test.answer(:grid, 'session_hand_off', quote_literal(jsonb_build_array(orrery_test.hand('b', 'station', 'aldra-gate') - m))) #>> '{0,error,code}', 'OR003', 'without ' || m)
from unnest(array['session_id', 'epoch', 'kind', 'key']) m;
select is(orrery_test.answer(:grid, 'session_hand_off', quote_literal(jsonb_build_array(orrery_test.hand('b', 'station', 'aldra-gate', m)))) #>> '{0,error,code}', 'OR003', m::text)
from unnest(array['{"state":null}', '{"state":[]}', '{"kind":1}', '{"key":null}', '{"epoch":"1"}', '{"session_id":1.5}']::jsonb[]) m;
select is(orrery_test.answer(:grid, 'session_hand_off', '''[]'''), '[]', 'nothing');
select throws_ok(format('select orrery.session_hand_off(%s, %L)', orrery_test.me(:grid), v), 'OR003', null, 'no array of 200')
from unnest(array[null, '{}', (select jsonb_agg(n) from generate_series(1, 201) n)]::jsonb[]) v;
select * from finish();
rollback;

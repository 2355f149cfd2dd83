-- Catches more sessions at a place than it has seats, or one that is given up because another finds none.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b', 'c']) n;
select orrery_test.played(:login, 'd', 'station', 'aldra-gate');
update orrery.server_kind set sessions_max = 2 where cluster = 't' and kind = 'station';
select orrery_test.answer(:grid, 'session_hand_off', quote_literal((select jsonb_agg(orrery_test.hand(n, 'station', 'aldra-gate')) from unnest(array['c', 'a', 'b']) n))) as a \gset
select is(jsonb_path_query_array(:'a', '$[*].ref'), '["c","a","b"]', 'in the order of asking');
select is(:'a'::jsonb #>> '{0,status}', 'ready', 'who asked first has the seat');
select is(jsonb_path_query_array(:'a', '$[*].error.code'), '["OR006","OR006"]', 'the others are told that it is full');
select is((select array_agg(server_id order by name) from orrery_test.player join orrery.session using (session_id)), array[:grid, :grid, :station, :station]::bigint[], 'and stay');
select is((select array_agg(epoch order by name) from orrery_test.player where name < 'c'), (select array_agg(s.epoch order by name) from orrery_test.player join orrery.session s using (session_id) where name < 'c'),
  'as they were');
select orrery.session_kick(session_id) from orrery_test.player where name = 'd';
select is(orrery_test.handed(:grid, 'a', 'station', 'aldra-gate') ->> 'status', 'ready', 'a seat that is free again');
-- who left no seat where he was before has left one now
update orrery.server_kind set sessions_max = 1 where cluster = 't' and kind = 'grid';
select throws_ok(format('select orrery_test.handed(%s, ''c'', ''grid'', ''aldra-1'', %L)', :station, jsonb_build_object('epoch', s.epoch)), 'OR006', null, 'b is there still')
from orrery.session s join orrery_test.player p using (session_id) where p.name = 'c';
select * from finish();
rollback;

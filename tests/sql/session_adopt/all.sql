-- Catches players of a server that died who are not given to its replacement, all at once, each under a new epoch with what was saved of him.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b', 'c']) n;
select orrery_test.played(:login, 'other', 'station', 'aldra-gate'), orrery_test.played(:login, 'left', 'grid', 'aldra-1');
select orrery_test.took(:chat, 'chat');
select orrery_test.answer(:grid, 'session_end', quote_literal(jsonb_build_array(jsonb_build_object('session_id', session_id, 'epoch', epoch, 'reason', 'logout')))) from orrery_test.player where name = 'left';
update orrery.character set state = jsonb_build_object('saved', name);
select orrery_test.died(:grid);
select is((select jsonb_object_agg(name, state) from orrery_test.player join orrery.session using (session_id)),
  '{"a":"orphaned","b":"orphaned","c":"orphaned","left":"ended","other":"playing"}', 'they are orphaned');
select orrery_test.back(:grid);
select is((select state from orrery.server where server_id = :grid), 'ready', 'its replacement is READY');
select is((select jsonb_object_agg(name, jsonb_build_array(state, server_id, taken)) from orrery_test.player join orrery.session using (session_id) where name in ('a', 'b', 'c')),
  (select jsonb_object_agg(n, jsonb_build_array('playing', :grid, false)) from unnest(array['a', 'b', 'c']) n), 'and has them');
select ok(bool_and(s.epoch > p.epoch) and count(distinct s.epoch) = 3, 'each under an epoch of its own that has grown') from orrery_test.player p join orrery.session s using (session_id) where name in ('a', 'b', 'c');
select is((select jsonb_object_agg(a ->> 'name', a -> 'state') from jsonb_array_elements(orrery_test.answer(:grid, 'server_sync') -> 'arrivals') a),
  '{"A":{"saved":"A"},"B":{"saved":"B"},"C":{"saved":"C"}}', 'they arrive with what was saved');
select is((select count(*) from orrery.command where server_id = :grid and payload = '{"tell":"sync"}' and epoch = (select epoch from orrery.server where server_id = :grid)), 1::bigint, 'it is told to ask');
select is((select array_agg(distinct (from_state, to_state, rule)::text) from orrery.event where noun = 'session' and rule = 'session_adopt'), array['(orphaned,playing,session_adopt)'], 'with events');
select is((select count(*) from orrery.event where noun = 'session' and rule = 'session_adopt'), 3::bigint, 'of each');
select is(orrery_test.answer(:chat, 'server_sync') #> '{arrivals}', '[]', 'chat has nothing to learn');
select is((select (server_id, epoch)::text from orrery.session s where session_id = p.session_id), format('(%s,%s)', :station, p.epoch), 'another place''s is untouched') from orrery_test.player p where name = 'other';
select is((select payload ? 'from' from orrery.session s where session_id = p.session_id), false, 'nobody has handed them over') from orrery_test.player p where name = 'a';
select * from finish();
rollback;

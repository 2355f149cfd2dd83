-- Catches a place whose world function fails that keeps others from going where they want to, or that nobody hears of.
begin;
set local client_min_messages = error;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b', 'c']) n;
select orrery_test.world_kind_made('t');
select orrery_test.answer(:grid, 'session_hand_off', quote_literal(jsonb_build_array(
  orrery_test.hand('a', 'odd', 'P0001'), orrery_test.hand('b', 'station', 'aldra-gate'), orrery_test.hand('c', 'odd', 'P0001')))) as answer \gset
select is(jsonb_path_query_array(:'answer', '$[*].error.code'), '["OR013", "OR013"]', 'who wants to go there is told');
select is(:'answer'::jsonb #>> '{1,status}', 'ready', 'others go on');
select is((select count(*) from orrery.session where server_id = :grid and state = 'playing'), 2::bigint, 'and he stays');
select results_eq('select noun, noun_id, cluster, reason from orrery.event where rule = ''tick_failed''', $$values ('kind', 'odd', 't', 'orrery_test.world_or_fail failed for odd P0001: broken')$$, 'an event says how, once');
select * from finish();
rollback;

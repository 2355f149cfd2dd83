-- Catches news that are lost, out of order, of another world, or never told of.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t'), orrery_test.cluster_running('u');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'grid', 'aldra-2') as other,
  orrery_test.server_made('u', 'grid', 'aldra-1') as elsewhere \gset
create function pg_temp.tells(p_server bigint) returns bigint language sql as $$ select count(*) from orrery.command where server_id = p_server and payload = '{"tell":"sync"}' $$;
select is(orrery_test.answer(:grid, 'server_sync') ? 'news', false, 'who does not ask for news gets none');
select is(orrery_test.answer(:grid, 'server_sync', '''[]'', 0') -> 'news', '[]', 'there are none yet');
select is(orrery.news_add('grid', 'aldra-1', '{"a":1}', 't'), 1::bigint, 'the first');
select is(orrery.news_add('grid', 'aldra-1', '{"a":2}', 't'), 2::bigint, 'the second');
select is(orrery.news_add('grid', 'aldra-2', '{"b":1}', 't'), 1::bigint, 'each world counts for itself');
select is(orrery.news_add('grid', 'aldra-1', '{"c":1}', 'u'), 1::bigint, 'in each cluster');
select is(pg_temp.tells(:grid), 1::bigint, 'its server is told to ask, once a transaction');
select is(pg_temp.tells(:other), 1::bigint, 'and that of the other world');
select is(orrery_test.answer(:grid, 'server_sync', '''[]'', 0') -> 'news', '[{"number":1,"body":{"a":1}},{"number":2,"body":{"a":2}}]', 'all, in order');
select is(orrery_test.answer(:grid, 'server_sync', '''[]'', 1') -> 'news', '[{"number":2,"body":{"a":2}}]', 'after a number');
select is(orrery_test.answer(:grid, 'server_sync', '''[]'', 2') -> 'news', '[]', 'none after the last');
select is(orrery_test.answer(:elsewhere, 'server_sync', '''[]'', 0') -> 'news', '[{"number":1,"body":{"c":1}}]', 'another cluster''s are its own');
select orrery.news_add('grid', 'aldra-2', jsonb_build_object('n', n), 't') from generate_series(2, 1100) n;
select is((select (count(*), min((n ->> 'number')::int), max((n ->> 'number')::int), bool_and((n ->> 'number') = (n #>> '{body,n}')))::text
  from jsonb_array_elements(orrery_test.answer(:other, 'server_sync', '''[]'', 5') -> 'news') n), '(1000,6,1005,t)', 'a thousand at most, the oldest');
select is(orrery.news_add('station', 'velo-yards', '{}', 't'), 1::bigint, 'of a world without a server');
savepoint before;
select orrery.news_add('grid', 'aldra-1', '{"a":3}', 't');
rollback to before;
select is(orrery.news_add('grid', 'aldra-1', '{"a":4}', 't'), 3::bigint, 'what was undone leaves no gap');
select throws_ok($$select orrery.news_add('grid', 'aldra-1', '7', 't')$$, 'OR003', null, 'no object');
select throws_ok($$select orrery.news_add('grid', 'aldra-1', null, 't')$$, 'OR003', null, 'null');
select throws_ok($$select orrery.news_add('grid', 'aldra-1', jsonb_build_object('a', repeat('x', 8192)), 't')$$, 'OR003', null, 'too large');
select lives_ok($$select orrery.news_add('grid', 'aldra-1', jsonb_build_object('a', repeat('x', 8000)), 't')$$, 'large');
select throws_ok($$select orrery.news_add('grid', '', '{}', 't')$$, 'OR003', null, 'an empty key');
select throws_ok($$select orrery.news_add('grid', null, '{}', 't')$$, 'OR003', null, 'no key');
select throws_ok($$select orrery.news_add('grid', 'nowhere', '{}', 't')$$, 'OR001', null, 'no such place');
select throws_ok($$select orrery.news_add('login', 'main', '{}', 't')$$, 'OR001', null, 'a kind without a world');
select throws_ok($$select orrery.news_add(null, 'main', '{}', 't')$$, 'OR001', null, 'no kind');
select throws_ok($$select orrery.news_add('grid', 'aldra-1', '{}', 'v')$$, 'OR001', null, 'an unknown cluster');
select * from finish();
rollback;

-- Catches answers out of order, or of another than was asked.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b']) n;
select is(orrery.session_answers(v, array['"new"', '"bad"', '"old"', '"late"']::jsonb[], array[b.session_id, 5, a.session_id, 6], array[null, '{"error":1}', 'true', null]::jsonb[], array[:grid, :grid, null, null]::bigint[],
    array['x', null, null, 'it starts']),
  jsonb_build_array('{"ref":"new"}' || (t -> b.session_id::text), '{"error":1}'::jsonb, '{"ref":"old"}' || (t -> a.session_id::text), '{"ref":"late","status":"waiting","reason":"it starts"}'::jsonb), 'each its own')
from orrery.server v, orrery_test.player a, orrery_test.player b, lateral orrery.session_targets(v, array[a.session_id, b.session_id]) t
where v.server_id = :login and a.name = 'a' and b.name = 'b';
select * from finish();
rollback;

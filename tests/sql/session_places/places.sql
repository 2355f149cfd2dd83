-- Catches a place whose server is not found, asked for twice or without need, or an error that spoils the others.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select v as me from orrery.server v where server_id = :grid \gset
select (p).* from orrery.session_places(:'me', array['1', '2', '3', '4', '5']::jsonb[], array['grid', 'grid', 'grid', 'station', 'grid'], array['velo-1', 'aldra-1', 'velo-1', 'nowhere', 'aldra-2'],
  array[null, null, null, null, '"done"']::jsonb[], false, 'test') p \gset
select is(:'targets'::bigint[], array[null, :grid, null, null, null]::bigint[], 'who is ready');
select is(:'waits'::text[], array['grid velo-1 is requested', null, 'grid velo-1 is requested', null, null], 'who is asked for');
select is((:'answers'::jsonb[])[4] #>> '{error,code}', 'OR001', 'what is no place');
select is((:'answers'::jsonb[])[5], '"done"', 'what is done stays so');
select is((select count(*) from orrery.server where key like 'velo%' or key = 'aldra-2'), 1::bigint, 'one is asked for');
select is((:'locked'::bigint[], :'chats'::bigint[])::text, format('({%s},{%s})', :grid, :chat), 'which is locked, and the chat servers');
select is((select (p.targets, p.locked, p.chats)::text from orrery.session_places(:'me', array['1']::jsonb[], array['grid'], array['velo-1'], array[null]::jsonb[], true, 'test') p), '({NULL},{},)', 'nothing to lock');
select * from finish();
rollback;

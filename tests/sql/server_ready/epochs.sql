-- Catches a report of an earlier start that is taken for the present one, and players who are not told that their grid is up.
begin;
set local client_min_messages = warning;
select plan(16);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1', 'starting') as grid,
  orrery_test.server_made('t', 'grid', 'velo-2', 'stopping') as stops, orrery_test.server_made('t', 'grid', 'velo-3', 'requested') as waits, orrery_test.account_made('t', 'pat') as pat \gset
select epoch as e from orrery.server where server_id = :grid \gset
update orrery.server set token = 'secret', deadline_at = now() where server_id = :grid;
select orrery.character_create('pat', 'One', 'grid', 'aldra-1', 't') as one \gset
select a ->> 'session_id' as s, a ->> 'epoch' as se from orrery_test.opened(:login, :pat) a \gset
select orrery_test.selected(:login, :s, :se, :one) ->> 'status' as status \gset
select is(orrery.server_ready(:grid, :e - 1, 7), false, 'an epoch that is over');
select is(orrery.server_ready(:grid, :e + 1, 7), false, 'one that never was');
select is(orrery.server_ready(:grid, null, 7), false, 'none');
select is(orrery.server_ready(-1, :e, 7), false, 'an unknown server');
select is(orrery.server_ready(:waits, (select epoch from orrery.server where server_id = :waits), 7), false, 'one that no agent runs');
select is((select state from orrery.server where server_id = :grid), 'starting', 'change nothing');
select is(orrery.server_ready(:grid, :e, 7), true, 'its own');
select is((select (state, rule, reason, pid, deadline_at, token)::text from orrery.server where server_id = :grid), ('ready'::text, 'server_ready'::text, 'reported READY'::text, 7, null::timestamptz, null::text)::text,
  'ready, with its pid, without deadline and token');
select is((select array_agg(payload) from orrery.command where server_id = :login and verb = 'tell'), array['{"tell":"ready","kind":"grid","key":"aldra-1"}'::jsonb], 'who waits is told');
select is(orrery.server_ready(:grid, :e, 8), true, 'again is not stale');
select is((select pid from orrery.server where server_id = :grid), 7, 'and changes nothing');
select is((select count(*) from orrery.command where server_id = :login), 1::bigint, 'nor tells anybody twice');
select is(orrery.server_ready(:stops, (select epoch from orrery.server where server_id = :stops), 9), true, 'one that was told to stop meanwhile');
select is((select state from orrery.server where server_id = :stops), 'stopping', 'still stops');
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = now() where cluster = 't';
update orrery.cluster set state = 'starting', shutdown_at = null, rule = 'test' where cluster = 't';
select orrery_test.server_made('t', 'chat', 'main', 'starting') as chat \gset
select orrery.server_ready(:chat, (select epoch from orrery.server where server_id = :chat), 9);
select is(orrery_test.cluster_state(), 'running', 'the last that is always on lets its cluster run');
select orrery_test.server_made('t', 'grid', 'aldra-2', 'starting') as other \gset
select orrery.server_ready(:other, epoch, -7) from orrery.server where server_id = :other;
select is((select format('%s %s', state, pid) from orrery.server where server_id = :other), 'ready ', 'a number that is no process''s is not kept');
select * from finish();
rollback;

-- Catches a player who waits for a server that was stopped before it was there.
begin;
set local client_min_messages = warning;
select plan(1);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1', 'requested') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'One', 'grid', 'aldra-1', 't') as one \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select orrery_test.selected(:login, :s, :e, :one) ->> 'status' as status \gset
select orrery.server_stop_now(:grid, 'not wanted', 'test') as state \gset
select is((select array_agg(payload) from orrery.command where server_id = :login), array['{"tell":"failed","kind":"grid","key":"aldra-1","reason":"not wanted"}'::jsonb], 'its login server is told');
select * from finish();
rollback;

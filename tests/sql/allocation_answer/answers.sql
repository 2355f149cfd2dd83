-- Catches an answer that names a server which is not the callers any more.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select orrery_test.allocate('1');
select is(orrery.allocation_answer(a) - array['allocation_id', 'server', 'confirm_in_ms'], '{"status":"ready","reason":"arena f-1"}'::jsonb, 'one that is') from orrery.allocation a;
select orrery.allocation_release('1', true, 't');
select is(orrery.allocation_answer(a) ? 'server', false, 'one that was') from orrery.allocation a;
select * from finish();
rollback;

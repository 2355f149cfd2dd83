-- Catches a look at locks that shows what waits for nobody, or that those who may not see it get an answer. Who waits is shown
-- with several connections: tests/control/test_interleaved.py.
begin;
set local client_min_messages = warning;
select no_plan();
select is_empty('select * from orrery.lock_waits()', 'nobody waits: none is shown');
select is_empty('select * from orrery.lock_status', 'nor by the view');
create role orrery_test_agent login in role orrery_agent;
select orrery.cluster_grant('*', 'orrery_test_agent');
select is(orrery_test.as_login('orrery_test_agent', 'select count(*) from orrery.lock_waits()'), '42501', 'no agent may ask');
select is(orrery_test.as_login('orrery_test_agent', 'select count(*) from orrery.lock_status'), '42501', 'nor look');
select * from finish();
rollback;

-- Catches an allocation that is over whose server is lost to everybody.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select orrery_test.allocate('1'), orrery_test.allocate('2');
select orrery.allocation_end(a, 'expired', 'test', 'test', true) from orrery.allocation a where a.request = '1';
select is(orrery_test.allocation_state('1') || ' ' || orrery_test.server_at('f-1'), 'expired ready 0', 'used again');
update orrery.server set fleet = null where cluster = 't' and key = 'f-2';
select orrery.allocation_end(a, 'released', 'test', 'test', true) from orrery.allocation a where a.request = '2';
select is(orrery_test.allocation_state('2') || ' ' || orrery_test.server_at('f-2'), 'released stopping 0', 'but not without a fleet');
select * from finish();
rollback;

-- Catches an allocation that is given two servers.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select orrery_test.allocate('1');
select orrery.server_allocate('none', '{"labels":{"map":"none"}}', 60000, 't') ->> 'status' as status \gset
select is((orrery.allocation_take(a)).state, 'waiting', 'none fits') from orrery.allocation a where a.request = 'none';
update orrery.allocation set selector = '{}' where request = 'none';
select is((orrery.allocation_take(a)).state, 'allocated', 'one fits') from orrery.allocation a where a.request = 'none';
select is((orrery.allocation_take(a)).state, null, 'one that waits no more is given none') from orrery.allocation a where a.request = '1';
select is((select sum(allocations) from orrery.server where cluster = 't'), 2::bigint, 'two of three are taken');
select * from finish();
rollback;

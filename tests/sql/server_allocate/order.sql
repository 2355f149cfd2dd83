-- Catches somebody who is told that none is free because others wait for something else, and one who overtakes those that wait.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select is(orrery_test.allocate('nowhere', '{"labels":{"region":"nowhere"}}', 60000), 'waiting', 'one who waits for what there is not');
select is(orrery_test.allocate('1'), 'ready f-1', 'is in nobody''s way');
select is(orrery_test.allocate('other', '{"fleet":"f","counters":{"players":1}}', 60000), 'waiting', 'nor is one by counters');
select is(orrery_test.allocate('2', '{"fleet":"f"}'), 'ready f-2', 'that none has');
insert into orrery.allocation (cluster, request, selector, state, rule, state_at, asked_at, wait_until)
values ('t', 'before', '{"kind":"arena"}', 'waiting', 'test', orrery.clock(), orrery.clock(), orrery.clock() + interval '1 min');
select is(orrery_test.allocate('3'), 'none', 'whom the last one fits gets it first');
select is(orrery_test.allocate('4', '{}', 60000), 'waiting', 'and who waits comes after him');
select orrery.tick_allocations();
select is(orrery_test.allocation_state('before') || ' ' || orrery_test.allocation_state('4'), 'allocated waiting', 'in the order of asking');
select orrery.allocation_release('1', true, 't'), orrery.allocation_release('2', true, 't'), orrery.allocation_release('before', true, 't');
select is(orrery_test.allocation_state('4'), 'allocated', 'one that is given back goes to who waits');
insert into orrery.allocation (cluster, request, selector, state, rule, state_at, asked_at, wait_until)
values ('t', 'early', '{"kind":"arena"}', 'waiting', 'test', orrery.clock(), orrery.clock(), orrery.clock() + interval '1 min');
select alike(orrery_test.allocate('5'), 'ready f-%', 'where there are two free, who asks is given one');
select is(orrery_test.allocation_state('early'), 'allocated', 'and who waits has the other');
select * from finish();
rollback;

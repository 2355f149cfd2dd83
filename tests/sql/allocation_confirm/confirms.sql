-- Catches a confirmation that comes too late taken for one, and one said twice refused.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select orrery_test.allocate('1'), orrery_test.allocate('2');
select is(orrery.allocation_confirm('1', 't') ->> 'status', 'confirmed', 'confirmed');
select is(orrery.allocation_confirm('1', 't') ->> 'status', 'confirmed', 'twice');
select is(orrery.allocation_confirm('1', 't') ->> 'confirm_in_ms', null, 'it is not taken back any more');
select orrery.allocation_release('2', true, 't');
select is(orrery_test.code($$orrery.allocation_confirm('2', 't')$$), 'OR002', 'too late');
select is(orrery_test.code($$orrery.allocation_confirm('none', 't')$$), 'OR001', 'no such');
select is(orrery_test.code($$orrery.allocation_confirm(null, 't')$$), 'OR001', 'null');
select * from finish();
rollback;

-- Catches an allocation of another cluster.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select orrery_test.allocate('1');
select is((orrery.allocation_named('1', 't', 'x(%L)')).request, '1', 'by its key');
select orrery_test.cluster_running('u');
select is(orrery_test.code($$orrery.allocation_named('1', 'u', 'x(%L)')$$), 'OR001', 'of its cluster');
select is((select (request, state, key, waits_for ~ '^allocation_confirm, until ')::text from orrery.allocation_status), ('1'::text, 'allocated'::text, 'f-1'::text, true)::text, 'allocation_status shows it');
select * from finish();
rollback;

-- Catches a server that is used again though it should not be, or is never free again.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select orrery_test.allocate('1'), orrery_test.allocate('2'), orrery_test.allocate('3');
select is(orrery_test.allocate('w', '{}', 60000), 'waiting', 'none is free');
select is(orrery.allocation_release('1', false, 't') ->> 'status', 'released', 'given back');
select is(orrery_test.server_at('f-1'), 'stopping 0', 'its server stops');
select is(orrery.allocation_release('1', true, 't') ->> 'status', 'released', 'once');
select is(orrery.allocation_release('w', false, 't') ->> 'status', 'released', 'wanted no more');
select is(orrery.allocation_release('2', true, 't') ->> 'status', 'released', 'given back to be used again');
select is(orrery_test.server_at('f-2'), 'ready 0', 'its server is free');
select orrery.tick_allocations();
select is(orrery_test.server_at('f-2'), 'ready 0', 'who waits no more gets none');
select is(orrery_test.code($$orrery.allocation_release('none', false, 't')$$), 'OR001', 'no such');
select is(orrery_test.code($$orrery.allocation_release('3', null, 't')$$), 'OR003', 'null');
-- shared
select orrery_test.allocate(r, '{"shared":true}') from unnest(array['s1', 's2']) r;
select is((select array_agg(distinct s.key) from orrery.allocation a join orrery.server s using (server_id) where a.request in ('s1', 's2')), '{f-2}', 'two share one, not the one that is another''s alone');
select orrery.allocation_release('s1', false, 't');
select is(orrery_test.server_at('f-2'), 'ready 1', 'it goes on while one has it');
select orrery.allocation_release('s2', false, 't');
select is(orrery_test.server_at('f-2'), 'stopping 0', 'and no longer');
select * from finish();
rollback;

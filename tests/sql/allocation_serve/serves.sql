-- Catches a server that becomes free while somebody waits, and is his only at the next look; and one that passes over who came first.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select orrery_test.allocate('1'), orrery_test.allocate('2'), orrery_test.allocate('3');
select is(orrery_test.allocate('other', '{"labels":{"map":"none"}}', 60000), 'waiting', 'one waits for what there is not');
select is(orrery_test.allocate('first', '{}', 60000), 'waiting', 'another for any');
select is(orrery_test.allocate('second', '{"fleet":"f"}', 60000), 'waiting', 'and another');
select ok(not orrery.allocation_serve(s), 'one that somebody has is given to nobody else') from orrery.server s where s.cluster = 't' and s.key = 'f-1' and s.state = 'ready';

select orrery.allocation_release('1', true, 't') ->> 'status' as status \gset
select is(orrery_test.allocation_state('first'), 'allocated', 'one that is given back goes to the first who waits for such a one');
select is(orrery_test.server_at('f-1'), 'ready 1', 'as it is');
select is(orrery_test.allocation_state('other') || ' ' || orrery_test.allocation_state('second'), 'waiting waiting', 'and to nobody else');

-- a new one is ready
select orrery.allocation_release('2', false, 't') ->> 'status' as status \gset
select orrery_test.all_gone(), orrery_test.fleets_tick();
select is(orrery_test.allocation_state('second'), 'waiting', 'none is ready yet');
select server_id as id, epoch from orrery.server where cluster = 't' and state = 'starting' \gset
select ok(orrery.server_ready(:id, :epoch, 1), 'now one is');
select is(orrery_test.allocation_state('second'), 'allocated', 'and is his, without a tick');
select is((select a.rule || ' ' || a.server_id from orrery.allocation a where a.request = 'second'), 'allocation_take ' || :id, 'it says which');

update orrery.agent set drain_at = orrery.clock();
select is(orrery_test.allocate('third', '{}', 60000), 'waiting', 'one more waits');
select orrery.allocation_release('3', true, 't') ->> 'status' as status \gset
select is(orrery_test.allocation_state('third'), 'waiting', 'nobody is given a server of an agent that drains');
update orrery.agent set drain_at = null;
select ok(orrery.allocation_serve(s), 'until it does not') from orrery.server s where s.cluster = 't' and s.state = 'ready' and s.allocations = 0;
select ok(not orrery.allocation_serve(s), 'nobody who waits fits') from orrery.server s where s.cluster = 't' and s.state = 'ready' limit 1;
select * from finish();
rollback;

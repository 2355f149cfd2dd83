-- Catches an allocation that nobody confirmed kept for ever, a server used again though somebody was on it, and waits served out of turn.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
create function pg_temp.late(p_request text) returns void language sql as $$
  update orrery.allocation set confirm_by = confirm_by - interval '1 minute', wait_until = wait_until - interval '2 minutes' where request = p_request
$$;
select orrery.server_kind_set('arena', '{"counters":{"players":4}}', 't');
update orrery.server set counters = '{"players":{"count":0,"capacity":4}}' where cluster = 't';
select orrery_test.allocate('1', '{"counters":{"players":2}}'), orrery_test.allocate('2', '{"counters":{"players":2}}'), orrery_test.allocate('3');
select is((select counters #>> '{players,count}' from orrery.server where cluster = 't' and key = 'f-1'), '2', 'what was asked for counts');
select orrery.allocation_confirm('3', 't');
select is(orrery_test.allocate('w1', '{}', 60000) || orrery_test.allocate('w2', '{}', 60000) || orrery_test.allocate('w3', '{"labels":{"map":"none"}}', 60000), 'waitingwaitingwaiting', 'three wait');
select orrery.tick_allocations();
select is(orrery_test.allocation_state('1') || orrery_test.allocation_state('w1'), 'allocatedwaiting', 'nothing is free');
update orrery.server set counters = '{"players":{"count":3,"capacity":4}}' where cluster = 't' and key = 'f-2';
select pg_temp.late('1'), pg_temp.late('2'), pg_temp.late('3');
select orrery.tick_allocations();
select is(orrery_test.allocation_state('1') || ' ' || orrery_test.allocation_state('2') || ' ' || orrery_test.allocation_state('3'), 'expired expired confirmed', 'what was not confirmed is taken back');
select is(orrery_test.server_at('f-2'), 'stopping 0', 'one that told of somebody is not used again');
select is((select reason from orrery.allocation where request = 'w1'), 'arena f-1', 'one that did not is, by who asked first');
select is(orrery_test.allocation_state('w2'), 'waiting', 'the others wait on');
select is(orrery_test.allocate('x'), 'none', 'and nobody comes before them');
select orrery_test.all_gone(), orrery_test.fleets_tick(), orrery_test.all_ready();
select is(orrery_test.allocate('x'), 'none', 'though one is free');
select orrery.tick_allocations();
select is(orrery_test.allocation_state('w2'), 'allocated', 'it is theirs');
select pg_temp.late('w3');
select orrery.tick_allocations();
select is(orrery_test.allocation_state('w3'), 'expired', 'a wait ends in its time');
-- a server that dies
select orrery.server_exited(s.server_id, s.epoch, 'agent_report', 'killed by signal 9') from orrery.server s where s.cluster = 't' and s.key = 'f-1' and s.state = 'ready';
select is(orrery_test.allocation_state('w1'), 'failed', 'who had it is told');
select is((select allocations from orrery.server where cluster = 't' and key = 'f-1' order by server_id desc limit 1), 0, 'and nobody has it any more');
select matches(orrery.server_allocate('w1', '{}', 60000, 't') ->> 'reason', 'its server is gone: killed by signal 9', 'why');
select * from finish();
rollback;

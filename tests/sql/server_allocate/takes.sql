-- Catches a server that two are given, an answer that differs when it is asked for again, and a free server that is not given.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
select is(orrery_test.allocate('1'), 'ready f-1', 'the first');
select is(orrery_test.allocate('1'), 'ready f-1', 'asked again it is the same');
select is(orrery_test.allocate('2', '{"fleet":"f"}'), 'ready f-2', 'by fleet');
select is(orrery_test.allocate('3', '{"kind":"arena"}'), 'ready f-3', 'by kind');
select is(orrery_test.allocate('4'), 'none', 'no more');
select is(orrery_test.allocation_state('4'), null, 'who does not wait is forgotten');
select is(orrery_test.allocate('5', '{}', 60000), 'waiting', 'who waits');
select is(orrery_test.allocate('5', '{}', 60000), 'waiting', 'is not forgotten');
select is(orrery_test.code($$orrery.server_allocate('1', '{"fleet":"f"}', 0, 't')$$), 'OR008', 'a key is for one thing');
select is((select a.answer - array['allocation_id', 'confirm_in_ms', 'reason'] #- '{server,server_id}' #- '{server,epoch}' from (select orrery.server_allocate('1', '{}', 0, 't')) a (answer)),
  (select jsonb_build_object('status', 'ready', 'server', jsonb_build_object('kind', 'arena', 'key', 'f-1', 'host', s.public_host,
    'ports', jsonb_build_object('public', s.public_port, 'private', s.private_port), 'counters', '{}'::jsonb, 'labels', '{}'::jsonb))
   from orrery.server s where s.cluster = 't' and s.key = 'f-1' and s.state = 'ready'), 'where it is');
select is(orrery_test.code(c), 'OR003', c) from (values ($$orrery.server_allocate(null, '{}', 0, 't')$$), ($$orrery.server_allocate('', '{}', 0, 't')$$),
  ($$orrery.server_allocate('x', null, 0, 't')$$), ($$orrery.server_allocate('x', '[]', 0, 't')$$), ($$orrery.server_allocate('x', '{"x":1}', 0, 't')$$),
  ($$orrery.server_allocate('x', '{}', -1, 't')$$), ($$orrery.server_allocate('x', '{}', null, 't')$$), ($$orrery.server_allocate('x', '{}', 86400001, 't')$$),
  ($$orrery.server_allocate('x', '{"fleet":1}', 0, 't')$$), ($$orrery.server_allocate('x', '{"shared":1}', 0, 't')$$), ($$orrery.server_allocate('x', '{"labels":[]}', 0, 't')$$),
  ($$orrery.server_allocate('x', '{"counters":{"players":-1}}', 0, 't')$$), ($$orrery.server_allocate('x', '{"counters":{"players":"x"}}', 0, 't')$$)) v (c);
select is(orrery_test.code($$orrery.server_allocate('x', '{"fleet":"none"}', 0, 't')$$), 'OR001', 'no such fleet');
select is(orrery_test.code($$orrery.server_allocate('x', '{"kind":"none"}', 0, 't')$$), 'OR001', 'no such kind');
select is((select count(*) from orrery.allocation), 4::bigint, 'nothing of it stays');
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = orrery.clock() + interval '1 hour' where cluster = 't';
select is(orrery_test.code($$orrery.server_allocate('x', '{}', 0, 't')$$), 'OR002', 'nor is one given in a cluster that counts down');
select is(orrery_test.allocate('1'), 'ready f-1', 'who has one is told so');
select * from finish();
rollback;

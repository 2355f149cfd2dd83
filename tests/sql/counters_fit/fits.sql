-- Catches a server that is full taken for one with room.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.counters_fit('{"players":{"count":3,"capacity":4}}', a::jsonb), fits, a) from (values ('{}', true), ('{"players":0}', true), ('{"players":1}', true), ('{"players":2}', false),
  ('{"rooms":1}', false), ('{"players":1,"rooms":0}', false)) v (a, fits);
select is(orrery.counters_fit('{"players":{"count":5,"capacity":4}}', '{"players":0}'), false, 'one that is over');
select * from finish();
rollback;

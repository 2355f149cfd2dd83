-- Catches a count below nothing.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.counters_add('{"players":{"count":3,"capacity":4},"rooms":{"count":1,"capacity":1}}', a::jsonb, sign) #>> '{players,count}', want, a) from (values
  ('{"players":1}', 1, '4'), ('{"players":1}', -1, '2'), ('{"players":9}', -1, '0'), ('{"other":1}', 1, '3'), ('{}', 1, '3')) v (a, sign, want);
select is(orrery.counters_add('{"players":{"count":3,"capacity":4}}', '{"players":1,"other":1}', 1), '{"players":{"count":4,"capacity":4}}'::jsonb, 'the capacity stays, and nothing comes by itself');
select * from finish();
rollback;

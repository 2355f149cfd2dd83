-- Catches a number that is none.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.counters_fault(c::jsonb), null, c) from (values ('{}'), ('{"players":0}'), ('{"players":999999999,"rooms":2}')) v (c);
select isnt(orrery.counters_fault(c::jsonb), null, c) from (values ('[]'), ('null'), ('{"Players":1}'), ('{"":1}'), ('{"a":-1}'), ('{"a":1.5}'), ('{"a":"1"}'), ('{"a":null}'), ('{"a":1e12}')) v (c);
select isnt(orrery.counters_fault((select jsonb_object_agg('c' || n, 1) from generate_series(1, 17) n)), null, 'too many');
select is(orrery.counters_fault('{"p":-1}'), 'Counter p: -1 is none: it is a name of 1 to 32 of a-z 0-9 _, a letter first, with an integer from 0 to 999999999.', 'what one is, is said');
select * from finish();
rollback;

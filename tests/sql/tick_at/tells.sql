-- Catches a tick that is said to run although it never did.
begin;
select plan(2);
select setval('orrery.tick_seq', 0, false);
select is(orrery.tick_at(), null, 'never');
select setval('orrery.tick_seq', 1766000000123);
select is(orrery.tick_at(), '2025-12-17 19:33:20.123Z'::timestamptz, 'milliseconds of the epoch');
select setval('orrery.tick_seq', 0, false);
select * from finish();
rollback;

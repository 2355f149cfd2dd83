-- Catches a clock that stands still within a transaction, as now() does: every deadline of a long one would be wrong.
begin;
select plan(4);
select orrery.clock() as first \gset
select cmp_ok(abs(extract(epoch from orrery.clock() - clock_timestamp())), '<', 1::numeric, 'it is the machine''s');
do $$ begin perform pg_sleep(0.02); end $$;
select cmp_ok(extract(epoch from orrery.clock() - :'first'::timestamptz), '>=', 0.02, 'it goes on within a transaction');
select cmp_ok(orrery.clock(), '>', now(), 'which now() does not');
set local timezone = 'Pacific/Kiritimati';
select cmp_ok(abs(extract(epoch from orrery.clock() - clock_timestamp())), '<', 1::numeric, 'whatever the time zone');
select * from finish();
rollback;

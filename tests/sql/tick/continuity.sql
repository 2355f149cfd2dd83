-- Catches a tick that takes a gap for continuity, or forgets it when one loop follows another.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.tick_state;
select orrery_test.clock_advance('0');
select orrery.clock() as t0 \gset
select orrery.tick(:'t0');
select is((select since_at from orrery.tick_state), :'t0'::timestamptz, 'the loop says since when');
select orrery_test.clock_advance('1.1 s');
select orrery.clock() as t2 \gset
select orrery.tick(:'t2');
select orrery.tick(:'t2');
select orrery_test.clock_advance('1 s');
select orrery.tick(:'t2');
select is((select since_at from orrery.tick_state), :'t0'::timestamptz, 'the next loop goes on from the one before');
select orrery_test.clock_advance('4 s');
select orrery.clock() as t1 \gset
select orrery.tick(:'t1');
select is((select since_at from orrery.tick_state), :'t1'::timestamptz, 'after a gap it begins anew');
select * from finish();
rollback;

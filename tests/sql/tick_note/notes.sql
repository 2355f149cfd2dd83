-- Catches an idle tick that writes WAL, and a loop without the lease that hides that nobody ticks.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.tick_state;
select orrery_test.clock_advance('1 hour');
select date_trunc('second', orrery.clock()) as since \gset
select orrery.tick_note(:'since');
select ok(orrery.clock() - orrery.tick_at() < '1 s', 'it ticks');
select results_eq('select backend, since_at from orrery.tick_state', format($$values (0, %L::timestamptz)$$, :'since'), 'and nobody holds the lease');
select orrery.tick_note(:'since'::timestamptz + interval '1 s');
select is((select since_at from orrery.tick_state), :'since'::timestamptz + interval '1 s', 'a gap is noted');
select (select xmin::text || ctid::text from orrery.tick_state) as row \gset
select orrery_test.clock_advance('1 s');
select orrery.tick_note(:'since'::timestamptz + interval '1 s');
select is((select xmin::text || ctid::text from orrery.tick_state), :'row', 'without one no row is written');
select is((select relpersistence from pg_class where oid = 'orrery.tick_seq'::regclass), 'u', 'and the sequence is not logged');
update orrery.tick_state set backend = 1;
select orrery_test.clock_advance('1.2 s');
select orrery.tick_note(:'since');
select ok(orrery.clock() - orrery.tick_at() > '1.1 s', 'who does not hold the lease notes nothing');
select is((select since_at from orrery.tick_state), :'since'::timestamptz + interval '1 s', 'nor a beginning');
select orrery_test.clock_advance('2 s');
select orrery.tick_note(:'since');
select ok(orrery.clock() - orrery.tick_at() < '1 s', 'but when the holder is silent it does');
select results_eq('select backend, since_at from orrery.tick_state', format($$values (0, %L::timestamptz)$$, :'since'), 'and the lease is free');
select setval('orrery.tick_seq', 0, false);
select * from finish();
rollback;

-- Catches agents judged lost by a tick that had not run for as long, over a gap, a hand-over or a step of the clock.
begin;
set local client_min_messages = warning;
select plan(7);
delete from orrery.tick_state;
select orrery_test.clock_advance('1 day');
select orrery.clock() as now \gset
create function pg_temp.continuous(p_now timestamptz, p_tick_before interval) returns interval language sql as $$
  select setval('orrery.tick_seq', floor(extract(epoch from p_now - p_tick_before) * 1000)::bigint);
  select p_now - orrery.tick_continuous(p_now)
$$;
select is(pg_temp.continuous(:'now', '1 s'), '0', 'nobody noted since when');
insert into orrery.tick_state (backend, backend_at, since_at) values (1, now(), :'now'::timestamptz - interval '1 hour');
select is(pg_temp.continuous(:'now', '0'), '1 hour', 'the loop before counts');
select is(pg_temp.continuous(:'now', '1.1 s'), '1 hour', 'within a second, a tick and a look of the spare');
select is(pg_temp.continuous(:'now', '1.2 s'), '0', 'no longer');
select is(pg_temp.continuous(:'now', '-1 s'), '0', 'a note of the future is of another clock');
update orrery.tick_state set since_at = :'now'::timestamptz + interval '1 s';
select is(pg_temp.continuous(:'now', '0'), '0', 'so is such a beginning');
select setval('orrery.tick_seq', 0, false);
select is(orrery.tick_continuous(:'now'), :'now'::timestamptz, 'never ticked');
select * from finish();
rollback;

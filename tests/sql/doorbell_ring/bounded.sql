-- Catches notifying commits without bound, and a bound that makes everybody wait for the second to end.
begin;
set local client_min_messages = warning;
select plan(7);
create function pg_temp.rings(p_many integer) returns bigint language plpgsql as $$
declare
  v_rung bigint := 0;
begin
  for i in 1..p_many loop
    perform set_config('orrery.rung', 'no', true);
    v_rung := v_rung + orrery.doorbell_ring(i)::integer;
  end loop;
  return v_rung;
end
$$;
select orrery_test.clock_advance('20 s');
select setval('orrery.doorbell_seq', 0);
select ok(pg_temp.rings(60) between 5 and 6, 'half of them at once');
select orrery_test.clock_advance('210 ms');
select ok(pg_temp.rings(60) between 1 and 2, 'then one each fifth of a second');
select orrery_test.clock_advance('600 ms');
select ok(pg_temp.rings(60) between 3 and 4, 'no more than ten in a second');
select orrery_test.clock_advance('30 s');
select ok(pg_temp.rings(60) between 5 and 6, 'rest is not saved up');
select set_config('orrery.rung', 'yes', true);
select ok(orrery.doorbell_ring(1), 'a transaction that has rung may ring others');
select setval('orrery.doorbell_seq', (extract(epoch from orrery.clock()) * 1000)::bigint + 1000000);
select set_config('orrery.rung', 'no', true);
select ok(orrery.doorbell_ring(1), 'a clock set back does not silence it');
select is(pg_temp.rings(10) < 10, true, 'and the bound holds then too');
select setval('orrery.doorbell_seq', 0);
select * from finish();
rollback;

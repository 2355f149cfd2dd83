-- Catches notifying commits without bound.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.clock_advance('20 s');
select setval('orrery.doorbell_seq', 0);
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
-- the second may change once while this runs
select cmp_ok(pg_temp.rings(60), '<=', 2 * orrery.setting('doorbells_per_s')::bigint, 'no more than allowed');
select setval('orrery.doorbell_seq', 0);
select cmp_ok(pg_temp.rings(5), '=', 5::bigint, 'those that are allowed');
select set_config('orrery.rung', 'yes', true);
select ok(orrery.doorbell_ring(1), 'a transaction that has rung may ring others');
select setval('orrery.doorbell_seq', 0);
select * from finish();
rollback;

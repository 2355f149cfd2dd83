-- Catches an idle tick that costs more than it may: 2 % of a core at 20 ticks a second is 1 ms, and no WAL.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') is not null as up \gset
select orrery.tick();
create function pg_temp.written() returns bigint language sql as $$
  select sum(t.n_tup_ins + t.n_tup_upd + t.n_tup_del)::bigint from pg_stat_xact_user_tables t where t.schemaname in ('orrery', 'space') and t.relname <> 'tick_state'
$$;
select pg_temp.written() as before \gset
create function pg_temp.run() returns numeric language plpgsql as $$
declare
  v_best numeric := 'infinity';
  v_from timestamptz;
begin
  for i in 1..200 loop
    v_from := clock_timestamp();
    perform orrery.tick();
    v_best := least(v_best, extract(epoch from clock_timestamp() - v_from) * 1000);
  end loop;
  return v_best;
end
$$;
select cmp_ok(pg_temp.run(), '<', 1.0, 'milliseconds of the best of 200');
select is(pg_temp.written(), :before::bigint, 'and writes nothing');
select * from finish();
rollback;

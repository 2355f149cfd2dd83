-- tick_loop: tick many times a second, as the one loop that holds the advisory lock. pg_cron calls it each minute: the
-- main one ends as the minute does, the spare half past it, so that one always stands by; who does not hold the lock tries
-- for it every tick_spare_ms. It commits, so it can be neither definer nor pinned: every name is qualified.
-- Writes: what tick writes.   Locks: the advisory lock, for the session.
-- Errors: none of its own.    Called by: sql/cron.
create or replace procedure orrery.tick_loop(p_spare boolean default false)
language plpgsql
as $$
declare
  v_now   timestamptz := orrery.clock();
  v_until timestamptz := case when p_spare
    then pg_catalog.date_trunc('minute', v_now + interval '30 seconds') + interval '30 seconds'
    else pg_catalog.date_trunc('minute', v_now) + interval '60 seconds' end;
  v_key   bigint := pg_catalog.hashtextextended('orrery.tick_loop', 0);
  v_holds boolean := false;
  v_last  timestamptz;
  v_since timestamptz;
  v_next  timestamptz;
  v_sleep double precision;
begin
  loop
    v_now := orrery.clock();
    exit when v_now >= v_until;
    if not v_holds then
      v_holds := pg_catalog.pg_try_advisory_lock(v_key);
      v_since := v_now;
    end if;
    if v_holds then
      if v_now < v_last or v_now - v_last > interval '1 second' then
        v_since := v_now;
      end if;
      v_last := v_now;
      v_next := orrery.tick(v_since);
      v_sleep := orrery.setting('tick_ms')::double precision / 1000;
    else
      v_next := null;
      v_sleep := orrery.setting('tick_spare_ms')::double precision / 1000;
    end if;
    -- what a handler set must not stay
    reset all;
    commit;
    v_now := orrery.clock();
    v_sleep := least(v_sleep, extract(epoch from v_next - v_now), extract(epoch from v_until - v_now));
    perform pg_catalog.pg_sleep(greatest(v_sleep, 0.001));
  end loop;
  if v_holds then
    perform pg_catalog.pg_advisory_unlock(v_key);
  end if;
end
$$;
comment on procedure orrery.tick_loop(boolean) is 'Ticks until the minute ends, as the only loop; the spare takes over when it is gone.';
grant execute on procedure orrery.tick_loop(boolean) to orrery_cron;

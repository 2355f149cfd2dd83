-- tick_loop: tick many times a second, as the one loop that holds the lease (tick_lease). pg_cron calls it each minute: the
-- main one ends as the minute does, the spare half past it, so that one always stands by. Who does not hold the lease looks
-- every tick_spare_ms whether the holder is gone, and cancels it when it has been in one step for tick_step_ms_max (and ends
-- its backend when that does not help): statement_timeout does not reach inside a CALL. Who took over from a loop that
-- hangs leaves out the step where it does, and watches it in turn.
-- It commits after each step that wrote, so that no step waits for a lock while it holds those of another; hence it can be
-- neither definer nor pinned, and every name is qualified.
-- Writes: what tick_lease and tick_step write.   Locks: theirs.
-- Errors: OR010 login of one cluster.            Called by: sql/cron.
create or replace procedure orrery.tick_loop(p_spare boolean default false)
language plpgsql
as $$
declare
  c_each   constant text[] := array['timers', 'clusters', 'commands', 'servers', 'doorbell'];
  c_second constant text[] := array['identity', 'timers', 'clusters', 'agents', 'commands', 'servers', 'idle', 'doorbell', 'note'];
  v_me_at  timestamptz := (select g.backend_start from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) g);
  v_now    timestamptz := orrery.clock();
  v_until  timestamptz := case when p_spare
    then pg_catalog.date_trunc('minute', v_now + interval '30 seconds') + interval '30 seconds'
    else pg_catalog.date_trunc('minute', v_now) + interval '60 seconds' end;
  v_holds  boolean := false;
  v_lease  record;
  v_last   timestamptz;
  v_since  timestamptz;
  v_set_at timestamptz;
  v_noted  timestamptz;
  v_purged timestamptz;
  v_due    timestamptz;
  v_next   timestamptz;
  v_step   text;
  v_tick   interval;
  v_spare  interval;
  v_most   interval;
  -- the backend that is watched, what it does, since when that is seen, what it was cancelled in
  v_pid    integer;
  v_pid_at timestamptz;
  v_name   text;
  v_doing  text;
  v_saw_at timestamptz;
  v_told   text;
begin
  loop
    v_now := orrery.clock();
    exit when v_now >= v_until;
    if v_set_at is null or v_now - v_set_at >= interval '1 second' or v_now < v_set_at then
      v_set_at := v_now;
      v_noted := null;
      v_tick := pg_catalog.make_interval(secs => orrery.setting('tick_ms')::pg_catalog.float8 / 1000);
      v_spare := pg_catalog.make_interval(secs => orrery.setting('tick_spare_ms')::pg_catalog.float8 / 1000);
      v_most := pg_catalog.make_interval(secs => orrery.setting('tick_step_ms_max')::pg_catalog.float8 / 1000);
    end if;

    if v_noted is null or not v_holds then
      v_lease := orrery.tick_lease(v_me_at);
      v_holds := v_holds and v_lease.since_at is not null;
      if v_lease.holder <> pg_catalog.pg_backend_pid() then
        v_pid := v_lease.holder;
        v_pid_at := v_lease.holder_at;
      end if;
    end if;

    v_name := null;
    if v_pid is not null then
      select case when g.application_name like 'orrery tick: %' then g.application_name || ' ' || g.xact_start end
      into v_name
      from pg_catalog.pg_stat_get_activity(v_pid) g where g.backend_start = v_pid_at;
      if not found and not v_holds then
        v_lease := orrery.tick_lease(v_me_at, v_pid, v_pid_at);
      end if;
      if v_name is distinct from v_doing then
        v_doing := v_name;
        v_saw_at := v_now;
        v_told := null;
      elsif v_name is not null and v_now - v_saw_at > v_most then
        perform case when v_told is null then pg_catalog.pg_cancel_backend(v_pid) else pg_catalog.pg_terminate_backend(v_pid) end;
        v_told := v_doing;
        v_saw_at := v_now;
      end if;
    end if;

    if v_lease.since_at is not null and not v_holds then
      v_holds := true;
      v_noted := null;
      v_since := v_lease.since_at;
      v_last := v_now;
      -- another loop may wait for the row
      commit;
    end if;
    if v_holds and v_name is null then
      v_pid := null;
      v_doing := null;
    end if;

    v_next := v_now + v_spare;
    if v_holds then
      v_next := v_now + v_tick;
      foreach v_step in array
        case when v_noted is not null then c_each
          when v_purged = pg_catalog.date_trunc('minute', v_now) then c_second
          else c_second || array['purge'] end
      loop
        continue when v_pid is not null and v_step = pg_catalog.split_part(v_doing, ' ', 3);
        -- a slow step is a gap as well
        v_now := orrery.clock();
        if v_now < v_last or v_now - v_last > interval '1 second' then
          v_since := v_now;
        end if;
        v_last := v_now;
        v_due := orrery.tick_step(v_step, v_since);
        if v_step = 'purge' then
          -- null: nothing more to do this minute
          v_purged := case when v_due is null then pg_catalog.date_trunc('minute', v_now) end;
        else
          v_next := least(v_next, v_due);
        end if;
        if pg_catalog.pg_current_xact_id_if_assigned() is not null then
          commit;
        end if;
      end loop;
      v_noted := v_set_at;
    end if;
    -- what a handler set must not stay
    reset all;
    commit;
    perform pg_catalog.pg_sleep(greatest(extract(epoch from least(v_next, v_until) - orrery.clock()), 0.001));
  end loop;
end
$$;
comment on procedure orrery.tick_loop(boolean) is 'Ticks until the minute ends, as the only loop; the spare takes over when it is gone.';
grant execute on procedure orrery.tick_loop(boolean) to orrery_cron;

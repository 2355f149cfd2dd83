-- tick_loop: tick many times a second, as the one loop that holds the lease (tick_lease). pg_cron calls it each minute, once
-- as the main one and once as the spare, which do not end together (tick_until). Who does not hold the lease looks every
-- tick_spare_ms whether the holder is gone. Each watches the others: one that has been in a step for tick_step_ms_max is
-- cancelled (and its backend ended, when that does not help: policy_hung), since statement_timeout does not reach inside a CALL; who
-- ticks meanwhile leaves that step out.
-- It asks what may be due (tick_due, and each second every step) only when something was committed since it last looked and found
-- nothing to do (a snapshot says so), or when the moment has come; without either only what silence or emptiness makes due. What
-- waking costs is mostly cold caches, so it then sleeps for tick_idle_ms rather than tick_ms.
-- It commits after each step that wrote, so that no step waits for a lock while it holds those of another; hence it can be
-- neither definer nor pinned, and every name is qualified.
-- Writes: what tick_lease, tick_step and policy_hung write.   Locks: theirs.
-- Errors: OR010 login of one cluster.            Called by: sql/cron.
create or replace procedure orrery.tick_loop(p_spare boolean default false)
language plpgsql
as $$
declare
  c_second constant text[] := array['identity', 'timers', 'clusters', 'agents', 'commands', 'allocations', 'fleets', 'servers', 'idle', 'doorbell', 'note'];
  c_timed  constant text[] := array['agents', 'allocations', 'fleets', 'idle', 'note'];
  v_me_at  timestamptz := (select g.backend_start from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) g);
  v_now    timestamptz := orrery.clock();
  v_until  timestamptz := orrery.tick_until(p_spare, v_now);
  v_holds  boolean := false;
  v_lease  record;
  v_last   timestamptz;
  v_since  timestamptz;
  v_set_at timestamptz;
  v_second boolean;      -- a second has begun, or the lease has been taken
  v_purged timestamptz;
  v_looked text;         -- snapshot of the last look
  v_wake   timestamptz;  -- when something is due, as that look found; null: now
  v_idle   boolean;      -- nothing was committed since that look, nor is anything due
  v_due    timestamptz;
  v_next   timestamptz;
  v_steps  text[];
  v_step   text;
  v_tick   interval;
  v_rest   interval;
  v_spare  interval;
  v_most   interval;
  -- another loop that is in a step: its backend, the step, since when that is seen, and whether it was cancelled
  v_me     oid := (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user);
  v_pid    integer;
  v_name   text;
  v_app    text;
  v_doing  text;
  v_saw_at timestamptz;
  v_told   boolean;
begin
  loop
    v_now := orrery.clock();
    exit when v_now >= v_until;
    v_second := v_set_at is null or v_now - v_set_at >= interval '1 second' or v_now < v_set_at;
    if v_second then
      v_set_at := v_now;
      v_tick := pg_catalog.make_interval(secs => orrery.setting('tick_ms')::pg_catalog.float8 / 1000);
      v_rest := pg_catalog.make_interval(secs => orrery.setting('tick_idle_ms')::pg_catalog.float8 / 1000);
      v_spare := pg_catalog.make_interval(secs => orrery.setting('tick_spare_ms')::pg_catalog.float8 / 1000);
      v_most := pg_catalog.make_interval(secs => orrery.setting('tick_step_ms_max')::pg_catalog.float8 / 1000);
    end if;

    if v_second or not v_holds then
      v_lease := orrery.tick_lease(v_me_at);
      if v_lease.since_at is null and not exists (
        select from pg_catalog.pg_stat_get_activity(v_lease.holder) g where g.backend_start = v_lease.holder_at) then
        v_lease := orrery.tick_lease(v_me_at, v_lease.holder, v_lease.holder_at);
      end if;
      if v_lease.since_at is null then
        v_holds := false;
      elsif not v_holds then
        v_holds := true;
        v_second := true;
        v_since := v_lease.since_at;
        v_last := v_now;
        -- another loop may wait for the row
        commit;
      end if;
    end if;

    if v_second or v_doing is not null then
      v_name := null;
      select g.pid, g.application_name || ' ' || g.xact_start, g.application_name into v_pid, v_name, v_app
      from pg_catalog.pg_stat_get_activity(null) g
      where g.usesysid = v_me and g.pid <> pg_catalog.pg_backend_pid() and g.application_name like 'orrery tick: %'
      order by g.xact_start limit 1;
      if v_name is distinct from v_doing then
        v_doing := v_name;
        v_saw_at := v_now;
        v_told := false;
      elsif v_name is not null and v_now - v_saw_at > v_most then
        if v_told then
          perform pg_catalog.pg_terminate_backend(v_pid);
          perform orrery.policy_hung(v_app);
          commit;
        else
          perform pg_catalog.pg_cancel_backend(v_pid);
        end if;
        v_saw_at := v_now;
        v_told := true;
      end if;
    end if;

    v_next := v_now + v_spare;
    if v_holds then
      if v_now < v_last or v_now - v_last > interval '1 second' then
        v_since := v_now;
      end if;
      v_last := v_now;
      v_due := null;
      v_idle := coalesce(v_now < v_wake and pg_catalog.pg_current_snapshot()::text = v_looked, false);
      if v_second then
        v_steps := case when v_idle then c_timed else c_second end
          || case when v_purged = pg_catalog.date_trunc('minute', v_now) then array[]::text[] else array['purge'] end;
      elsif v_idle then
        v_steps := array[]::text[];
      else
        v_looked := pg_catalog.pg_current_snapshot()::text;
        select d.steps, case when d.steps = array[]::text[] then coalesce(d.due_at, timestamptz 'infinity') end, d.due_at
        into v_steps, v_wake, v_due from orrery.tick_due() d;
      end if;
      v_next := least(v_now + case when v_idle then v_rest else v_tick end, v_set_at + interval '1 second', case when v_idle then v_wake else v_due end);
      foreach v_step in array v_steps loop
        continue when v_step = pg_catalog.split_part(v_doing, ' ', 3);
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
        -- what a handler set must not stay, not even for the next step
        reset all;
      end loop;
    end if;
    commit;
    perform pg_catalog.pg_sleep(greatest(extract(epoch from least(v_next, v_until) - orrery.clock()), 0.001));
  end loop;
end
$$;
comment on procedure orrery.tick_loop(boolean) is 'Ticks until the minute ends, as the only loop; the spare takes over when it is gone.';
grant execute on procedure orrery.tick_loop(boolean) to orrery_cron;

-- tick: decide everything that is due now. Each step is cheap when nothing is; one that fails is undone alone, leaves an
-- event (once a minute) and stops no other.
-- Writes: what the steps write; tick_state once a second.   Locks: theirs; nothing is held between steps that succeed but
-- what they wrote.   Errors: OR010 login of one cluster.   Called by: tick_loop, tests.
--   p_continuous_since: since when the calling loop has ticked without a gap; null: not known.
--   Returns when something is due next that is known of; null: nothing is.
create or replace function orrery.tick(p_continuous_since timestamptz default null) returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_state  orrery.tick_state;
  v_since  timestamptz := coalesce(p_continuous_since, v_now);
  v_second boolean;
  v_step   text;
  v_next   timestamptz;
  v_due    timestamptz;
begin
  perform orrery.login_everywhere('tick');
  select * into v_state from orrery.tick_state t;
  v_second := v_state.tick_at is null or v_now - v_state.tick_at >= '1 second' or v_now < v_state.tick_at;
  -- the loop before this one counts too: its last note is at most a second and a tick old, the next comes within tick_spare_ms
  if v_since > v_state.since_at and v_since - v_state.tick_at
      <= make_interval(secs => 1 + (orrery.setting('tick_ms') + orrery.setting('tick_spare_ms'))::float8 / 1000) then
    v_since := v_state.since_at;
  end if;
  foreach v_step in array array['identity', 'timers', 'clusters', 'agents', 'commands', 'servers', 'idle', 'doorbell', 'purge'] loop
    continue when v_step in ('agents', 'idle') and not v_second or v_step = 'purge' and (v_state.purge_at > v_now or not v_second);
    begin
      v_due := null;
      case v_step
        when 'identity' then perform orrery.tick_identity();
        when 'timers' then v_due := orrery.tick_timers();
        when 'clusters' then v_due := orrery.tick_clusters();
        when 'agents' then perform orrery.tick_agents(v_since);
        when 'commands' then perform orrery.tick_commands();
        when 'servers' then perform orrery.tick_servers();
        when 'idle' then perform orrery.tick_idle();
        when 'doorbell' then perform orrery.tick_doorbell();
        when 'purge' then perform orrery.tick_purge();
      end case;
      v_next := least(v_next, v_due);
    exception when others then
      if not exists (
        select from orrery.event e
        where e.noun = 'tick' and e.noun_id = v_step and e.rule = 'tick_failed' and e.recorded_at > v_now - interval '1 minute') then
        perform orrery.event_add(null, 'tick', v_step, 'tick_failed', sqlerrm, jsonb_build_object('code', sqlstate));
        raise warning 'tick step % failed: % (%)', v_step, sqlerrm, sqlstate;
      end if;
    end;
  end loop;
  if v_second then
    insert into orrery.tick_state as t (tick_at, backend, since_at, purge_at)
    values (v_now, pg_backend_pid(), v_since, v_now + interval '1 minute')
    on conflict (only_row) do update
      set tick_at = excluded.tick_at, backend = excluded.backend, since_at = excluded.since_at,
          purge_at = case when t.purge_at <= v_now then excluded.purge_at else t.purge_at end;
  end if;
  return v_next;
end
$$;
comment on function orrery.tick(timestamptz) is 'Decides everything that is due now; returns when something is due next.';
grant execute on function orrery.tick(timestamptz) to orrery_cron, orrery_admin;

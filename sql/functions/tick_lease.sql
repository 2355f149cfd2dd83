-- tick_lease: which loop ticks. The lease is the row of tick_state: who holds it is named by pid and start of its backend. It
-- is free when there is no row (after a crash), when nobody has ticked for tick_lease_ms, or when the caller has seen that
-- the holder's backend is gone. Two that tick at once, since one hung, do no harm: every step locks what it decides.
-- p_backend_at: start of the caller's backend. p_gone, p_gone_at: pid and start of a backend that is gone.
-- Answers since when the tick has run without a gap when the caller holds it, null when another does; and who does, or did
-- when the caller has taken it now.
-- Writes: tick_state and tick_seq when it is taken.   Locks: that row, for a moment.
-- Errors: OR010 login of one cluster.    Called by: tick_loop.
create or replace function orrery.tick_lease(
  p_backend_at timestamptz, p_gone integer default null, p_gone_at timestamptz default null,
  out since_at timestamptz, out holder integer, out holder_at timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := orrery.clock();
  v_at    timestamptz := orrery.tick_at();
  v_since timestamptz;
begin
  select t.backend, t.backend_at, t.since_at into holder, holder_at, v_since from orrery.tick_state t;
  if holder = pg_backend_pid() and holder_at = p_backend_at then
    since_at := v_since;
  elsif holder is null or holder = 0 or (holder, holder_at) = (p_gone, p_gone_at)
    or v_at is null or v_at not between v_now - make_interval(secs => orrery.setting('tick_lease_ms')::float8 / 1000) and v_now + interval '1 second' then
    perform orrery.login_everywhere('tick_loop');
    insert into orrery.tick_state as t (backend, backend_at, since_at)
    values (pg_backend_pid(), p_backend_at, orrery.tick_continuous(v_now))
    on conflict (only_row) do update
      set backend = excluded.backend, backend_at = excluded.backend_at, since_at = excluded.since_at
      where (t.backend, t.backend_at) = (holder, holder_at)
    returning t.since_at into since_at;
    if found then
      perform setval('orrery.tick_seq', floor(extract(epoch from v_now) * 1000)::bigint);
    end if;
  end if;
end
$$;
comment on function orrery.tick_lease(timestamptz, integer, timestamptz) is 'Takes the lease of the tick when it is free; says who holds it.';
grant execute on function orrery.tick_lease(timestamptz, integer, timestamptz) to orrery_cron;

-- tick_note: note that the tick runs, once a second: in an unlogged sequence, which needs neither transaction id nor WAL.
-- Who ticks while another holds the lease notes nothing; a lease whose holder has not ticked for tick_lease_ms holds nobody up.
-- Writes: tick_seq; tick_state when it is since another time that it runs without a gap.   Locks: that row.
-- Errors: none.   Called by: tick_step.
create or replace function orrery.tick_note(p_continuous_since timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := orrery.clock();
  v_state orrery.tick_state;
  v_mine  boolean;
begin
  select * into v_state from orrery.tick_state t;
  if not found then
    insert into orrery.tick_state (backend, backend_at, since_at) values (0, '-infinity', p_continuous_since)
    on conflict (only_row) do nothing;
  else
    v_mine := v_state.backend in (0, pg_backend_pid());
    if not v_mine
      and orrery.tick_at() between v_now - make_interval(secs => orrery.setting('tick_lease_ms')::float8 / 1000) and v_now + interval '1 second' then
      return;
    end if;
    if not v_mine or v_state.since_at <> p_continuous_since then
      update orrery.tick_state t set since_at = p_continuous_since, backend = case when v_mine then t.backend else 0 end
      where (t.backend, t.backend_at) = (v_state.backend, v_state.backend_at);
    end if;
  end if;
  perform setval('orrery.tick_seq', floor(extract(epoch from v_now) * 1000)::bigint);
end
$$;
comment on function orrery.tick_note(timestamptz) is 'Notes that the tick runs.';

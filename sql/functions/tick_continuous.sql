-- tick_continuous: since when the tick has run without a gap, for a loop that ticks since p_since: the loop before it counts
-- too, when its last note is at most a second and a tick older (the next comes within tick_spare_ms) and not of the future.
-- Reads: tick_state, tick_seq.   Errors: none.   Called by: tick, tick_lease.
create or replace function orrery.tick_continuous(p_since timestamptz) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_since timestamptz := (select t.since_at from orrery.tick_state t);
  v_at    timestamptz := orrery.tick_at();
begin
  if v_since < p_since and v_at <= p_since
    and v_at >= p_since - make_interval(secs => 1 + (orrery.setting('tick_ms') + orrery.setting('tick_spare_ms'))::float8 / 1000) then
    return v_since;
  end if;
  return p_since;
end
$$;
comment on function orrery.tick_continuous(timestamptz) is 'Since when the tick has run without a gap, over all loops.';

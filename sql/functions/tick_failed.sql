-- tick_failed: an event that tells what the tick, or a function of a game, could not do, once a minute for each thing.
-- p_cluster: whose it is; null: none's. p_detail: what else is known of the error.
-- Writes: event.   Locks: none.   Errors: none.   Called by: tick_step, tick_idle, tick_drains, tick_fleets,
-- fleet_advance, session_places.
create or replace function orrery.tick_failed(p_noun text, p_noun_id text, p_cluster text, p_code text, p_why text, p_detail jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from orrery.event e
    where e.noun = p_noun and e.noun_id = p_noun_id and e.cluster is not distinct from p_cluster and e.rule = 'tick_failed'
      and e.recorded_at > orrery.clock() - interval '1 minute') then
    return;
  end if;
  perform orrery.event_add(p_cluster, p_noun, p_noun_id, 'tick_failed', p_why, jsonb_build_object('code', p_code) || p_detail);
  raise warning 'tick: % % failed: % (%) %', p_noun, p_noun_id, p_why, p_code, p_detail;
end
$$;
comment on function orrery.tick_failed(text, text, text, text, text, jsonb) is 'Tells by an event what the tick could not do.';

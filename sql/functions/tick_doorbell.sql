-- tick_doorbell: ring for agents that have commands which they have not fetched for doorbell_again_ms: their bell was one
-- too many in its second, or lost. Older than two heartbeats they come without a bell.
-- Writes: doorbell_seq.   Locks: none.
-- Errors: none.           Called by: tick_step.
create or replace function orrery.tick_doorbell() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := orrery.clock();
  v_agent bigint;
begin
  if not exists (select from orrery.command c where c.state = 'pending') then
    return;
  end if;
  for v_agent in
    select distinct c.agent_id from orrery.command c join orrery.agent a on a.agent_id = c.agent_id
    where c.state = 'pending' and a.state = 'up'
      and c.state_at <= v_now - make_interval(secs => orrery.setting('doorbell_again_ms')::float8 / 1000)
      and c.state_at > v_now - make_interval(secs => 2 * orrery.setting('heartbeat_ms')::float8 / 1000)
    order by c.agent_id
  loop
    perform orrery.doorbell_ring(v_agent);
  end loop;
end
$$;
comment on function orrery.tick_doorbell() is 'Rings again for commands that were not fetched.';

-- tick_drains: empty the agents that drain. A server with nobody on it stops; one that is always on, or of a kind that never
-- stops for being empty, only when another agent has room, where it is requested at once. At the deadline all stop.
-- One that is to move and cannot be requested stays until the deadline, and is told by an event.
-- Writes: what server_stop_now, server_request and tick_failed write.
-- Locks: cluster, placement, server, those of server_request; what is busy is left for the next second.   Errors: none.
-- Called by: tick_idle.
create or replace function orrery.tick_drains() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_due    record;
  v_pick   record;
  v_server orrery.server;
  v_owner  boolean;
  v_moves  boolean;
  v_why    text;
  v_detail text;
  v_full   text[] := '{}'::text[];
begin
  if not exists (select from orrery.agent a where a.drain_at is not null) then
    return;
  end if;
  for v_due in
    select s.server_id, s.cluster, s.kind, s.key, a.name as agent, coalesce(a.drain_until <= v_now, false) as late,
      k.always_on_key is not distinct from s.key or k.idle_stop_ms is null as stays,
      c.state in ('starting', 'running') as goes_on
    from orrery.agent a
    join orrery.server s on s.agent_id = a.agent_id and s.state in ('starting', 'ready')
    join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind
    join orrery.cluster c on c.cluster = s.cluster
    where a.drain_at is not null and (s.state = 'ready' or a.drain_until <= v_now)
    order by s.cluster, s.server_id
  loop
    if not v_due.late then
      select * into v_server from orrery.server s where s.server_id = v_due.server_id;
      continue when not orrery.server_is_empty(v_server);
    end if;
    if not v_due.late and v_due.stays then
      -- one look for each kind that finds no room
      continue when not v_due.goes_on or v_due.cluster || ' ' || v_due.kind = any (v_full);
      select * into v_pick from orrery.placement_pick(v_due.cluster, v_due.kind);
      if v_pick.agent_id is null then
        v_full := v_full || (v_due.cluster || ' ' || v_due.kind);
        continue;
      end if;
    end if;
    select c.state in ('starting', 'running') into v_due.goes_on
    from orrery.cluster c where c.cluster = v_due.cluster for no key update skip locked;
    continue when not found or v_due.stays and not v_due.late and not v_due.goes_on;
    perform from orrery.placement p where p.server_id = v_due.server_id for no key update;
    v_owner := found;
    -- a hand-off to it locks the row before it commits
    select s.* into v_server from orrery.server s join orrery.agent a on a.agent_id = s.agent_id and a.drain_at is not null
    where s.server_id = v_due.server_id for update of s skip locked;
    continue when v_server.state is distinct from 'ready' and (v_server.state is distinct from 'starting' or not v_due.late);
    continue when not v_due.late and not orrery.server_is_empty(v_server);
    v_why := format('its agent %s drains', v_due.agent);
    -- a fleet makes another by itself
    v_moves := v_due.stays and v_due.goes_on and v_owner and v_server.fleet is null;
    if v_due.late or not v_moves then
      perform orrery.server_stop_now(v_due.server_id, v_why, 'agent_drain');
    end if;
    continue when not v_moves;
    begin
      perform orrery.server_stop_now(v_due.server_id, v_why, 'agent_drain');
      perform orrery.server_request(v_due.kind, v_due.key, v_due.cluster);
    exception when others then
      get stacked diagnostics v_detail = pg_exception_detail;
      perform orrery.tick_failed('kind', v_due.kind, v_due.cluster, sqlstate, sqlerrm, jsonb_build_object('detail', left(v_detail, 1000)));
    end;
  end loop;
end
$$;
comment on function orrery.tick_drains() is 'Stops or moves what is on agents that drain.';

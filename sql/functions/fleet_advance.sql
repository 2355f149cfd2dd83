-- fleet_advance: bring a fleet to the size that its policy wants: start what lacks, stop what was too many for cooldown_ms, replace
-- servers of an earlier version of the kind, surge above the size and unavailable_max below it at most, where one of the new version counts
-- once it has been ready for fleet_settle_ms. Replacement pauses when a server fails again and again. Failed servers count as there, so that a kind which fails is not
-- started for ever. At most fleet_step_max are started or stopped at once.
-- p_said: what its policy said, asked before anything was locked: {"policy","args","size","fault"}; null: it was not asked.
-- Writes: fleet, event; what fleet_grow and fleet_shrink write.   Locks: cluster and fleet (not waited for: the
-- tick holds servers of other fleets by then), placement, server.
-- Errors: none.   Called by: tick_fleets.
create or replace function orrery.fleet_advance(p_cluster text, p_fleet text, p_said jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_failures_max constant integer := 3;  -- of a start, before replacement pauses
  v_now     timestamptz := orrery.clock();
  v_step    bigint := orrery.setting('fleet_step_max')::bigint;
  v_fleet   orrery.fleet;
  v_counts  jsonb;
  v_version bigint;
  v_fault   text;
  v_failing text;
  v_size    integer;
  v_live    bigint;
  v_old     bigint;
  v_ready   bigint;
  v_settled bigint;
  v_more    bigint;
begin
  perform from orrery.cluster c where c.cluster = p_cluster and c.state in ('starting', 'running') for no key update skip locked;
  if not found then
    return;
  end if;
  select * into v_fleet from orrery.fleet f where f.cluster = p_cluster and f.fleet = p_fleet for no key update skip locked;
  if not found then
    return;
  end if;
  select k.version into v_version from orrery.server_kind k where k.cluster = p_cluster and k.kind = v_fleet.kind;
  v_counts := orrery.fleet_counts(v_fleet);

  -- it may have another policy by now
  if (p_said ->> 'policy', p_said -> 'args') = (v_fleet.policy, v_fleet.policy_args) then
    v_fault := p_said ->> 'fault';
    -- bounds are the DBA's word, whatever the policy says
    v_size := least(greatest(coalesce((p_said ->> 'size')::integer, v_fleet.size), v_fleet.size_min), v_fleet.size_max);
    if v_fault is not null then
      perform orrery.tick_failed('fleet', p_fleet, p_cluster, 'OR003', v_fault, jsonb_build_object('size', v_size));
    end if;
    if v_size <> v_fleet.size then
      perform orrery.event_add(p_cluster, 'fleet', p_fleet, 'fleet_advance', format('size %s, was %s: %s', v_size, v_fleet.size,
        case when v_fault is null then v_fleet.policy else 'its bounds' end));
    end if;
    if (v_fault, v_size) is distinct from (v_fleet.fault, v_fleet.size) or v_fault is not null then
      update orrery.fleet f
      set size = v_size, fault = v_fault, fault_at = case when v_fault is not null then v_now end
      where f.cluster = p_cluster and f.fleet = p_fleet
      returning * into v_fleet;
    end if;
  end if;

  if v_fleet.paused_version <> v_version then
    perform orrery.fleet_resume_now(v_fleet, format('kind %s has another version', v_fleet.kind));
    v_fleet.paused := null;
    v_counts := orrery.fleet_counts(v_fleet);
  end if;
  if v_fleet.paused is null then
    select format('%s %s: %s', s.kind, s.key, s.reason) into v_failing
    from orrery.server s
    where s.cluster = p_cluster and s.fleet = p_fleet and (s.state = 'failed' or s.state in ('requested', 'starting') and s.failures >= c_failures_max)
    order by s.failures desc, s.server_id limit 1;
    if v_failing is not null then
      update orrery.fleet f set paused = v_failing, paused_version = v_version where f.cluster = p_cluster and f.fleet = p_fleet returning * into v_fleet;
      perform orrery.event_add(p_cluster, 'fleet', p_fleet, 'fleet_advance', format('replacement is paused: %s', v_failing));
    end if;
  end if;

  v_live := (v_counts ->> 'requested')::bigint + (v_counts ->> 'starting')::bigint + (v_counts ->> 'ready')::bigint;
  v_ready := (v_counts ->> 'ready')::bigint;
  v_old := case when v_fleet.paused is null then (v_counts ->> 'outdated')::bigint else 0 end;
  v_more := least(v_fleet.size - v_live - (v_counts ->> 'failed')::bigint, v_step);
  if v_more < 1 then
    v_more := least(v_old, v_fleet.size + v_fleet.surge - v_live, v_step);
  end if;
  if v_more > 0 then
    perform orrery.fleet_grow(v_fleet, v_more);
  elsif v_live > v_fleet.size + (case when v_old > 0 then v_fleet.surge else 0 end) then
    if coalesce(v_fleet.over_since > v_now - make_interval(secs => v_fleet.cooldown_ms::float8 / 1000), v_fleet.cooldown_ms > 0) then
      update orrery.fleet f set over_since = v_now where f.cluster = p_cluster and f.fleet = p_fleet and f.over_since is null;
      return;
    end if;
    perform orrery.fleet_shrink(v_fleet, least(v_live - v_fleet.size, v_step), false, format('fleet %s has more than %s', p_fleet, v_fleet.size));
  elsif v_old > 0 then
    v_settled := v_ready - (
      select count(*) from orrery.server s
      where s.cluster = p_cluster and s.fleet = p_fleet and s.state = 'ready' and s.version = v_version
        and s.state_at > v_now - make_interval(secs => orrery.setting('fleet_settle_ms')::float8 / 1000));
    if v_settled > v_fleet.size - v_fleet.unavailable_max then
      perform orrery.fleet_shrink(v_fleet, least(v_old, v_settled - v_fleet.size + v_fleet.unavailable_max, v_step), true,
        format('version %s of kind %s replaces it', v_version, v_fleet.kind));
    end if;
  end if;
  if v_fleet.over_since is not null and v_live <= v_fleet.size + v_fleet.surge then
    update orrery.fleet f set over_since = null where f.cluster = p_cluster and f.fleet = p_fleet;
  end if;
end
$$;
comment on function orrery.fleet_advance(text, text, jsonb) is 'Brings a fleet to the size that its policy wants.';

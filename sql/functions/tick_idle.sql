-- tick_idle: once a second: see to the agents that drain, stop servers that were empty for idle_stop_ms of their kind, end
-- sessions orphaned for orphan_ms, those whose token has run out, and logins that were not finished for login_stale_ms (the login server, which
-- may not know of one when an answer was lost, hears of it by server_sync), tell servers again of ends that they may not have heard of,
-- and request always-on servers that a cluster lacks; one that cannot be requested is told by an event and holds up no other.
-- Writes: server.empty_since, session.release_at; what tick_drains, server_stop_now, session_end_all, session_end_told, session_tell, server_request,
-- tick_failed write.
-- Locks: cluster, placement, server, session; what is busy is left for the next time.   Errors: none.
-- Called by: tick_step.
create or replace function orrery.tick_idle() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_server orrery.server;
  v_kind   orrery.server_kind;
  v_ids    bigint[];
  v_others bigint[];
  v_servers bigint[];
  v_detail text;
begin
  perform orrery.tick_drains();
  with judged as (
    select s.server_id, s.empty_since, orrery.server_is_empty(s) as is_empty
    from orrery.server_kind k join orrery.server s on s.cluster = k.cluster and s.kind = k.kind and s.state = 'ready' and s.fleet is null
    where k.idle_stop_ms is not null
  ), free as (
    select s.server_id, j.is_empty from judged j join orrery.server s on s.server_id = j.server_id
    where j.is_empty <> (j.empty_since is not null)
    order by s.server_id for no key update of s skip locked
  )
  update orrery.server s set empty_since = case when f.is_empty then v_now end
  from free f where s.server_id = f.server_id;
  for v_server in
    select s.* from orrery.server s join orrery.server_kind k on k.cluster = s.cluster and k.kind = s.kind
    where s.state = 'ready' and s.empty_since <= v_now - make_interval(secs => k.idle_stop_ms::float8 / 1000)
    order by s.cluster, s.server_id
  loop
    perform from orrery.cluster c where c.cluster = v_server.cluster for no key update skip locked;
    continue when not found;
    perform from orrery.placement p where p.server_id = v_server.server_id for no key update;
    -- a hand-off to it locks the row before it commits
    select * into v_server from orrery.server s where s.server_id = v_server.server_id for update skip locked;
    if v_server.state = 'ready' and orrery.server_is_empty(v_server) then
      perform orrery.server_stop_now(v_server.server_id, 'nobody is on it', 'tick_idle');
    end if;
  end loop;

  select array_agg(d.session_id) into v_ids
  from (
    select s.session_id from orrery.session s
    where s.state = 'orphaned' and s.state_at <= v_now - make_interval(secs => orrery.setting('orphan_ms')::float8 / 1000)
    order by s.session_id for no key update skip locked
  ) d;
  if v_ids is not null then
    perform orrery.session_end_all(v_ids, 'tick_idle', 'lapse: its server died and did not come back in time');
  end if;

  select array_agg(d.session_id) into v_ids
  from (
    select s.session_id from orrery.session s
    where s.state in ('selecting', 'waiting')
      and s.state_at <= v_now - make_interval(secs => greatest(orrery.setting('login_stale_ms'), orrery.setting('login_timeout_ms'))::float8 / 1000)
    order by s.session_id for no key update skip locked
  ) d;
  perform orrery.session_end_told(v_ids, 'tick_idle', 'login not finished');

  -- of tokens that have run out: who plays is saved by its server first, which has release_ms for it; one whose machine is silent may not
  -- have heard, and plays on until its lease ends
  select array_agg(d.session_id) filter (where d.now), array_agg(d.session_id) filter (where not d.now), array_agg(distinct d.server_id)
  into v_ids, v_others, v_servers
  from (
    select s.session_id, s.server_id, s.state <> 'playing' or s.release_at is not null as now
    from orrery.session s
    where s.token_expires_at <= v_now and s.state <> 'ended'
      and (s.state <> 'playing' or s.release_at is null
        or s.release_at <= v_now - make_interval(secs => orrery.setting('release_ms')::float8 / 1000) and orrery.server_is_heard(s.server_id))
    order by s.session_id for no key update skip locked
  ) d;
  if v_others is not null then
    update orrery.session s set release_at = coalesce(s.release_at, v_now), release_reason = coalesce(s.release_reason, 'token expired')
    where s.session_id = any(v_others);
    perform orrery.session_tell(v_servers, 'tick_idle');
  end if;
  perform orrery.session_end_told(v_ids, 'tick_idle', 'token expired');

  -- a tell passes over a server that is busy, and an answer may be lost
  select array_agg(distinct s.server_id) into v_servers
  from orrery.session s
  where s.state = 'ended' and not s.taken and s.state_at <= v_now - interval '1 second'
    and not exists (
      select from orrery.command c
      where c.server_id = s.server_id and c.verb = 'tell' and c.state in ('pending', 'claimed') and c.payload = '{"tell":"sync"}');
  perform orrery.session_tell(v_servers, 'tick_idle');

  for v_kind in
    select k.* from orrery.server_kind k join orrery.cluster c on c.cluster = k.cluster
    where c.state in ('starting', 'running') and k.always_on_key is not null and not exists (
      select from orrery.placement p
      where p.cluster = k.cluster and p.kind = k.kind and p.key = k.always_on_key and p.server_id is not null)
    order by k.cluster, k.kind
  loop
    perform from orrery.cluster c where c.cluster = v_kind.cluster and c.state in ('starting', 'running') for no key update skip locked;
    continue when not found;
    begin
      perform orrery.server_request(v_kind.kind, v_kind.always_on_key, v_kind.cluster);
    exception when others then
      get stacked diagnostics v_detail = pg_exception_detail;
      perform orrery.tick_failed('kind', v_kind.kind, v_kind.cluster, sqlstate, sqlerrm, jsonb_build_object('detail', left(v_detail, 1000)));
    end;
  end loop;
end
$$;
comment on function orrery.tick_idle() is 'Stops empty servers, ends orphaned sessions and stale logins, requests what is always on.';

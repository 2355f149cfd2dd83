-- server_request: the server that owns a key, asked for when there is none. Never waits.
-- Returns {"server_id","epoch","state","reason"}; state ready: use it; failed is asked for anew; anything else: wait.
-- A login that sees one cluster cannot judge what others hold on the machines, and only the tick can be cancelled by another when a policy
-- of a game does not end: such requests are placed by the next tick.
-- Writes: placement, server, event; what server_place writes.   Locks: cluster, placement, server; none when it is ready or starting, nor when it waits
-- to be placed and the login sees one cluster only.
-- Errors: OR001 unknown kind or key, OR002 cluster not up, OR003 null, OR013 the kind's world function failed, those of cluster_resolve.
-- Called by: DBA, CLI, cluster_start, session_places, tick_idle, tick_drains.
create or replace function orrery.server_request(p_kind text, p_key text, p_cluster text default null) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := orrery.clock();
  v_name   text;
  v_state  text;
  v_kind   orrery.server_kind;
  v_placed orrery.placement;
  v_server orrery.server;
begin
  if p_kind is null or p_key is null or length(p_key) not between 1 and 200 or p_key ~ '[[:cntrl:]]' then
    perform orrery.fail('OR003', 'a server is asked for by kind and key',
      format('Got %L, %L; a key has 1 to 200 characters, none of them a control character.', p_kind, left(p_key, 200)), null);
  end if;
  v_name := orrery.cluster_resolve(p_cluster,
    replace(format('server_request(%L, %L', p_kind, p_key), '%', '%%') || ', %L)');
  select * into v_kind from orrery.server_kind k where k.cluster = v_name and k.kind = p_kind;
  if not found then
    perform orrery.fail('OR001', format('cluster %s has no kind of server named %L', v_name, p_kind),
      format('It has: %s.', (select string_agg(k.kind, ', ' order by k.kind) from orrery.server_kind k where k.cluster = v_name)), null);
  end if;

  -- one that is there or on its way is said without a lock, so that to ask again is not to write; one that waits to be placed, to who may not place it
  select s.* into v_server
  from orrery.placement p join orrery.server s on s.server_id = p.server_id
  where p.cluster = v_name and p.kind = p_kind and p.key = p_key
    and (s.state = 'ready' or (s.state = 'starting' or s.state = 'requested' and orrery.login_cluster() <> '*') and exists (
      select from orrery.cluster c where c.cluster = v_name and c.state in ('starting', 'running', 'shutting_down')));
  if not found then
    select c.state into v_state from orrery.cluster c where c.cluster = v_name for no key update;
    if v_state not in ('starting', 'running', 'shutting_down') then
      perform orrery.fail('OR002', format('cluster %s is %s', v_name, v_state), 'Servers are started only while it is up.',
        case when v_state = 'stopped' then format('SELECT cluster_start(%L)', v_name) end);
    end if;
    if v_kind.world_function is not null then
      begin
        execute format('select %s($1, $2, $3)', v_kind.world_function::regproc) using v_name, p_kind, p_key;
      exception
        when transaction_rollback or lock_not_available then
          raise;
        when assert_failure or others then
          if sqlstate ~ '^OR' then
            raise;
          end if;
          perform orrery.fail('OR013', format('%s failed for %s %s: %s', v_kind.world_function, p_kind, p_key, left(sqlerrm, 500)), format('SQLSTATE %s.', sqlstate),
            'It raises OR001, by orrery.fail, for what is no place.');
      end;
    end if;
    insert into orrery.placement (cluster, kind, key, epoch) values (v_name, p_kind, p_key, orrery.epoch_next())
    on conflict (cluster, kind, key) do nothing;
    select * into v_placed from orrery.placement p where p.cluster = v_name and p.kind = p_kind and p.key = p_key for no key update;
    select * into v_server from orrery.server s where s.server_id = v_placed.server_id for no key update;
    if v_server.server_id is null then
      insert into orrery.server (cluster, kind, key, epoch, state, rule, reason, state_at, requested_at, try_at)
      values (v_name, p_kind, p_key, orrery.epoch_next(), 'requested', 'server_request', format('%s %s of %s, for %s', p_kind, p_key, v_name, session_user),
        v_now, v_now, v_now)
      returning * into v_server;
    elsif v_server.state = 'failed' then
      update orrery.server s
      set state = 'requested', rule = 'server_request', reason = format('asked for again by %s', session_user), epoch = orrery.epoch_next(),
          requested_at = v_now, try_at = v_now, failures = 0
      where s.server_id = v_server.server_id
      returning * into v_server;
    end if;
    update orrery.placement p set server_id = v_server.server_id, epoch = v_server.epoch
    where p.cluster = v_name and p.kind = p_kind and p.key = p_key and (p.server_id is distinct from v_server.server_id or p.epoch <> v_server.epoch);
    -- those that asked before wait for the same room
    if v_server.state = 'requested' and v_server.try_at <= v_now and orrery.login_cluster() = '*'
        and v_kind.placement_function in ('orrery.placement_spread', 'orrery.placement_packed') and not exists (
        select from orrery.server s where s.cluster = v_name and s.kind = p_kind and s.state = 'requested' and s.requested_at < v_server.requested_at
          and orrery.server_waits_for_room(s.server_id)) then
      perform orrery.server_place(v_server.server_id);
      select * into v_server from orrery.server s where s.server_id = v_server.server_id;
    end if;
  end if;
  return jsonb_build_object('server_id', v_server.server_id, 'epoch', v_server.epoch, 'state', v_server.state, 'reason', v_server.reason);
end
$$;
comment on function orrery.server_request(text, text, text) is 'The server that owns a key, asked for when there is none: server_id, epoch, state, reason.';
grant execute on function orrery.server_request(text, text, text) to orrery_admin;

-- server_allocate: take a ready server of a fleet, by the caller's own key: asked again with it, it is the same allocation.
-- p_selector: {"fleet","kind","labels":{},"counters":{"players":2},"shared":false}: all may be left out. Labels are those of the server
-- and its agent; counters what it must have room for, which is counted as used until the server says otherwise; shared takes
-- one that others have as well.
-- p_wait_ms: how long to wait for one when none is free: the answer is waiting then, and who asks again hears what became of it.
-- Returns what allocation_answer says; {"status":"none","reason"} when none is free and it is not to wait. It is to be confirmed
-- (allocation_confirm) within allocation_confirm_ms, or is taken back.
-- Writes: allocation, server, event.   Locks: server, allocation.
-- Errors: OR001 unknown fleet or kind, OR002 cluster not up, OR003 malformed, OR008 the key was used for something else; those of
-- cluster_resolve.   Called by: matchmakers, DBA, CLI.
create or replace function orrery.server_allocate(p_request text, p_selector jsonb default '{}', p_wait_ms bigint default 0, p_cluster text default null)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  c_wait_ms_max constant bigint := 86400000;
  c_members     constant text[] := array['fleet', 'kind', 'labels', 'counters', 'shared'];
  v_now     timestamptz := orrery.clock();
  v_cluster text;
  v_look    record;
  v_fault   text;
  v_old     orrery.allocation;
  v_new     orrery.allocation;
  v_free    orrery.server;
begin
  perform orrery.call_begin();
  v_cluster := orrery.cluster_resolve(p_cluster, replace(format('server_allocate(%L, %L, %s', p_request, p_selector, p_wait_ms), '%', '%%') || ', %L)');
  v_fault := case
    when p_request is null or length(p_request) not between 1 and 200 or p_request ~ '[[:cntrl:]]' then 'A request has 1 to 200 characters, none of them a control character.'
    when p_wait_ms is null or p_wait_ms not between 0 and c_wait_ms_max then format('It may wait 0 to %s ms.', c_wait_ms_max)
    when jsonb_typeof(p_selector) is distinct from 'object' then 'A selector is an object.'
    when p_selector - c_members <> '{}' then format('A selector has %s.', array_to_string(c_members, ', '))
    when p_selector ? 'fleet' and jsonb_typeof(p_selector -> 'fleet') <> 'string' or p_selector ? 'kind' and jsonb_typeof(p_selector -> 'kind') <> 'string'
      then 'fleet and kind are names.'
    when p_selector ? 'shared' and jsonb_typeof(p_selector -> 'shared') <> 'boolean' then 'shared is true or false.'
    when p_selector ? 'labels' then orrery.labels_fault(p_selector -> 'labels') end;
  v_fault := coalesce(v_fault, case when p_selector ? 'counters' then orrery.counters_fault(p_selector -> 'counters') end);
  if v_fault is not null then
    perform orrery.fail('OR003', 'a server is allocated by a key and a selector', format('%s Got %L, %s, %s.', v_fault, left(p_request, 200), left(p_selector::text, 200), p_wait_ms),
      'SELECT server_allocate(''match-17'', ''{"fleet":"arenas"}'');');
  end if;
  select c.state, f.fleet is not null as has_fleet, k.kind is not null as has_kind, a as old,
    exists (select from orrery.allocation w where w.cluster = v_cluster and w.state = 'waiting') as others_wait
  into v_look
  from orrery.cluster c
  left join orrery.fleet f on f.cluster = v_cluster and f.fleet = p_selector ->> 'fleet'
  left join orrery.server_kind k on k.cluster = v_cluster and k.kind = p_selector ->> 'kind'
  left join orrery.allocation a on a.cluster = v_cluster and a.request = p_request
  where c.cluster = v_cluster;
  v_old := v_look.old;
  if v_old.allocation_id is null then
    if v_look.state not in ('starting', 'running') then
      perform orrery.fail('OR002', format('cluster %s is %s', v_cluster, v_look.state), 'Servers are allocated only while it is up.', null);
    elsif p_selector ? 'fleet' and not v_look.has_fleet then
      perform orrery.fail('OR001', format('cluster %s has no fleet named %L', v_cluster, left(p_selector ->> 'fleet', 64)),
        'It has: ' || coalesce((select string_agg(f.fleet, ', ' order by f.fleet) from orrery.fleet f where f.cluster = v_cluster), 'none') || '.', null);
    elsif p_selector ? 'kind' and not v_look.has_kind then
      perform orrery.fail('OR001', format('cluster %s has no kind of server named %L', v_cluster, left(p_selector ->> 'kind', 64)), null, null);
    end if;
    v_new.cluster := v_cluster;
    v_new.request := p_request;
    v_new.selector := p_selector;
    -- those that wait come first, as far as what there is fits them; who holds some already waits for no other
    if v_look.others_wait then
      v_free := orrery.allocation_find(v_cluster, p_selector, true);
      while orrery.allocation_serve(v_free) loop
        v_free := orrery.allocation_find(v_cluster, p_selector, false);
      end loop;
    end if;
    if v_free.server_id is not null or not v_look.others_wait then
      v_new := orrery.allocation_take(v_new, v_free);
    end if;
    if v_new.allocation_id is null and v_new.cluster is not null then
      -- by the same key it may have been allocated while this waited for a server
      select * into v_old from orrery.allocation a where a.cluster = v_cluster and a.request = p_request;
    end if;
    if v_new.allocation_id is null and v_new.cluster is not null and v_old.allocation_id is null then
      if p_wait_ms = 0 then
        return jsonb_build_object('status', 'none', 'reason', 'no ready server that fits is free');
      end if;
      insert into orrery.allocation (cluster, request, selector, state, rule, reason, state_at, asked_at, wait_until)
      values (v_cluster, p_request, p_selector, 'waiting', 'server_allocate', 'no ready server that fits is free', v_now, v_now,
        v_now + make_interval(secs => p_wait_ms::float8 / 1000))
      on conflict (cluster, request) do nothing
      returning * into v_new;
    end if;
    if v_new.allocation_id is not null then
      return orrery.allocation_answer(v_new);
    end if;
    -- asked for twice at once
    select * into v_old from orrery.allocation a where a.cluster = v_cluster and a.request = p_request;
  end if;
  if v_old.selector <> p_selector then
    perform orrery.fail('OR008', format('request %s was made for something else', p_request), format('It asked for %s.', left(v_old.selector::text, 200)),
      'Another allocation needs another key.');
  end if;
  return orrery.allocation_answer(v_old);
end
$$;
comment on function orrery.server_allocate(text, jsonb, bigint, text) is 'Takes a ready server of a fleet, by the caller''s own key.';
grant execute on function orrery.server_allocate(text, jsonb, bigint, text) to orrery_admin, orrery_space_owner;

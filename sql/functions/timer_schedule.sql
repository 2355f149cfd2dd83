-- timer_schedule: set a timer; the same kind and key again moves it. Returns its id. Due in the past, it fires at once.
-- Writes: timer.   Locks: the timer of that key, when it is firing until that is over.
-- Errors: OR001 unknown kind; OR003 null, infinite, or such a key; those of cluster_resolve.
-- Called by: games, DBA.
create or replace function orrery.timer_schedule(
  p_kind text, p_key text, p_due_at timestamptz, p_payload jsonb default '{}', p_cluster text default null)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text;
  v_timer_id bigint;
begin
  v_cluster := orrery.cluster_resolve(p_cluster,
    replace(format('timer_schedule(%L, %L, %L, %L', left(p_kind, 64), left(p_key, 200), p_due_at, left(p_payload::text, 200)), '%', '%%')
    || ', %L)');
  if p_kind is null or p_key is null or length(p_key) not between 1 and 200 or p_key ~ '[[:cntrl:]]'
      or p_due_at is null or not isfinite(p_due_at) or p_payload is null then
    perform orrery.fail('OR003',
      'a timer needs a kind, a key of 1 to 200 characters, none of them a control character, a finite time and a payload',
      format('Got %L, %L, %L, %L.', left(p_kind, 64), left(p_key, 200), p_due_at, left(p_payload::text, 200)), 'timer_cancel removes one.');
  end if;
  if not exists (select from orrery.timer_kind k where k.timer_kind = p_kind) then
    perform orrery.fail('OR001', format('no timer kind %s', p_kind), 'Nobody handles it.', 'SELECT timer_kind_set(...) names a handler.');
  end if;
  loop
    delete from orrery.timer t where t.cluster = v_cluster and t.timer_kind = p_kind and t.key = p_key;
    insert into orrery.timer (due_at, cluster, timer_kind, key, payload) values (p_due_at, v_cluster, p_kind, p_key, p_payload)
    on conflict (cluster, timer_kind, key) do nothing
    returning timer_id into v_timer_id;
    exit when found;
  end loop;
  return v_timer_id;
end
$$;
comment on function orrery.timer_schedule(text, text, timestamptz, jsonb, text) is 'Sets a timer, or moves the one of this kind and key.';
grant execute on function orrery.timer_schedule(text, text, timestamptz, jsonb, text) to orrery_admin, orrery_space_owner;

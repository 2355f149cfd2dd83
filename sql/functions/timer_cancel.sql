-- timer_cancel: remove a timer, or one that was parked. Answers cancelled, firing (too late) or none.
-- Writes: timer, timer_parked.   Locks: the timer, never waiting for it.
-- Errors: OR003 null; those of cluster_resolve.   Called by: games, DBA.
create or replace function orrery.timer_cancel(p_kind text, p_key text, p_cluster text default null) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text;
begin
  v_cluster := orrery.cluster_resolve(p_cluster,
    replace(format('timer_cancel(%L, %L', p_kind, p_key), '%', '%%') || ', %L)');
  if p_kind is null or p_key is null then
    perform orrery.fail('OR003', 'a timer is named by kind and key', 'One of them is null.', 'SELECT timer_cancel(''kind'', ''key'');');
  end if;
  with held as (
    select t.shard, t.due_at, t.timer_id from orrery.timer t
    where t.cluster = v_cluster and t.timer_kind = p_kind and t.key = p_key
    for update skip locked
  )
  delete from orrery.timer t using held h
  where t.shard = h.shard and t.due_at = h.due_at and t.timer_id = h.timer_id;
  if found then
    return 'cancelled';
  end if;
  delete from orrery.timer_parked t where t.cluster = v_cluster and t.timer_kind = p_kind and t.key = p_key;
  if found then
    return 'cancelled';
  end if;
  return case when exists (select from orrery.timer t where t.cluster = v_cluster and t.timer_kind = p_kind and t.key = p_key)
    then 'firing' else 'none' end;
end
$$;
comment on function orrery.timer_cancel(text, text, text) is 'Removes a timer: cancelled, firing or none.';
grant execute on function orrery.timer_cancel(text, text, text) to orrery_admin, orrery_space_owner;

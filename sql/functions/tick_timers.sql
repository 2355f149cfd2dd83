-- tick_timers: fire what is due, kind by kind, in the transaction that deletes it; a batch that fails is tried one by one, and
-- what has failed before is called alone. Who of a batch hangs is found out later, each on its own; after one that hangs
-- alone the rest of its kind waits for the next step, so that a step takes no longer than two calls that hang for each kind.
-- Timers of a stopped cluster wait. Returns when the next one is due (in the past when more are due than one step fires),
-- null for none.
-- Writes: timer, timer_parked, event, and what the handlers write.   Locks: due timers (skip locked).
-- Called by: tick_step.
create or replace function orrery.tick_timers() returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := orrery.clock();
  v_next  timestamptz;
  v_batch record;
  v_timer orrery.timer;
  v_each  boolean;
  v_hung  boolean;
  v_error text;
begin
  -- One probe of timer_due_idx a cluster.
  select min(n.due_at) into v_next
  from orrery.cluster c
  cross join lateral (select t.due_at from orrery.timer t where t.cluster = c.cluster order by t.due_at limit 1) n
  where c.state <> 'stopped';
  if v_next is null or v_next > v_now then
    return v_next;
  end if;

  for v_batch in
    with due as (
      select d.shard, d.due_at, d.timer_id
      from orrery.cluster c
      cross join lateral (
        select t.shard, t.due_at, t.timer_id from orrery.timer t
        where t.cluster = c.cluster and t.due_at <= v_now
        order by t.due_at
        limit orrery.setting('timers_per_tick')
        for update skip locked
      ) d
      where c.state <> 'stopped'
      order by d.due_at
      limit orrery.setting('timers_per_tick')
    ), fired as (
      delete from orrery.timer t using due d
      where t.shard = d.shard and t.due_at = d.due_at and t.timer_id = d.timer_id
      returning t.*
    )
    select f.timer_kind, f.attempt > 0 as alone, array_agg(f::orrery.timer order by f.due_at, f.timer_id) as timers
    from fired f group by 1, 2 order by 2, 1
  loop
    v_error := case when v_batch.alone then '' else orrery.timers_call(v_batch.timer_kind, v_batch.timers) end;
    continue when v_error is null;
    v_each := v_batch.alone or cardinality(v_batch.timers) > 1 and v_error not like '57014:%';
    v_hung := false;
    foreach v_timer in array v_batch.timers loop
      if v_hung then
        insert into orrery.timer select v_timer.* on conflict (cluster, timer_kind, key) do nothing;
        continue;
      end if;
      if v_each then
        v_error := orrery.timers_call(v_batch.timer_kind, array[v_timer]);
        v_hung := v_error like '57014:%';
      end if;
      if v_error is not null then
        perform orrery.timer_failed(v_timer, v_error, v_now);
      end if;
    end loop;
  end loop;

  select min(n.due_at) into v_next
  from orrery.cluster c
  cross join lateral (select t.due_at from orrery.timer t where t.cluster = c.cluster order by t.due_at limit 1) n
  where c.state <> 'stopped';
  return v_next;
end
$$;
comment on function orrery.tick_timers() is 'Fires due timers; returns when the next is due.';

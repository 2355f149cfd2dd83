-- timer_status: timers to come, those that wait because their cluster is stopped, and those given up.
create or replace view orrery.timer_status as
  select t.timer_id, t.cluster, t.timer_kind, t.key, t.due_at, date_trunc('second', t.due_at - orrery.clock()) as due_in, t.attempt,
    case when c.state = 'stopped' then 'waits for its cluster' when t.due_at <= orrery.clock() then 'due' else 'set' end as state,
    null::text as error
  from orrery.timer t
  join orrery.cluster c on c.cluster = t.cluster
  union all
  select p.timer_id, p.cluster, p.timer_kind, p.key, p.due_at, null, p.attempt, 'parked', p.error
  from orrery.timer_parked p
  order by 5, 1;
comment on view orrery.timer_status is 'Timers that are set, due or given up.';
grant select on orrery.timer_status to orrery_viewer, orrery_admin;

-- event_log: what happened, oldest first; ask with order by event_id desc limit n for the news.
create or replace view orrery.event_log as
  select e.event_id, e.recorded_at, e.cluster, e.noun || ' ' || e.noun_id as what,
    case
      when e.from_state = 'none' then 'new, ' || e.to_state
      when e.to_state is not null then e.from_state || ' -> ' || e.to_state
      else '' end as change,
    e.rule, e.reason, e.detail
  from orrery.event e
  order by e.event_id;
comment on view orrery.event_log is 'Events in words: what changed, by which rule, why.';
grant select on orrery.event_log to orrery_viewer, orrery_admin;

-- event_log: what happened, oldest first; ask with order by event_id desc limit n for the news. A login of one cluster is
-- shown its events, and of those of no cluster's not what concerns agents that hold no credential of it, nor any detail, which
-- may name other clusters.
create or replace view orrery.event_log as
  select e.event_id, e.recorded_at, e.cluster, e.noun || ' ' || e.noun_id as what,
    case
      when e.from_state = 'none' then 'new, ' || e.to_state
      when e.to_state is not null then e.from_state || ' -> ' || e.to_state
      else '' end as change,
    e.rule, e.reason, case when e.cluster is not null or (select orrery.login_cluster()) = '*' then e.detail end as detail
  from orrery.event e
  where (select orrery.login_cluster()) = any (array[e.cluster, '*']) or e.noun <> 'agent' or exists (
    select from orrery.agent a where a.agent_id::text = e.noun_id and (select orrery.login_cluster()) = any (a.clusters))
  order by e.event_id;
comment on view orrery.event_log is 'Events in words: what changed, by which rule, why.';
grant select on orrery.event_log to orrery_viewer, orrery_admin;

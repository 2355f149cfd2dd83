-- allocation_status: every allocation that is not over, and where its server is.
create or replace view orrery.allocation_status as
  select a.allocation_id, a.cluster, a.request, a.state, s.fleet, s.kind, s.key, s.public_host || coalesce(':' || s.public_port, '') as public_address,
    a.selector, date_trunc('second', orrery.clock() - a.asked_at) as age, a.reason,
    case a.state
      when 'waiting' then 'a ready server that fits, until ' || to_char(a.wait_until, 'HH24:MI:SS')
      when 'allocated' then 'allocation_confirm, until ' || to_char(a.confirm_by, 'HH24:MI:SS') end as waits_for
  from orrery.allocation a left join orrery.server s on s.server_id = a.server_id
  where a.state in ('waiting', 'allocated', 'confirmed')
  order by a.cluster, a.allocation_id;
comment on view orrery.allocation_status is 'Allocations that are not over.';
grant select on orrery.allocation_status to orrery_viewer, orrery_admin;

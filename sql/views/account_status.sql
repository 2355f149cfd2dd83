-- account_status: every account: may it log in, how, and is it in play.
create or replace view orrery.account_status as
  select a.account_id, a.cluster, a.name, a.active,
    case when a.banned_at is not null and coalesce(a.banned_until > t.now, true) then orrery.ban_words(a.banned_until, a.ban_reason) end as ban,
    a.password_hash is not null as has_password,
    case when a.code_expires_at > t.now then date_trunc('second', a.code_expires_at) end as code_until,
    (select count(*) from orrery.device d where d.account_id = a.account_id) as devices,
    s.session_id, s.state as session
  from orrery.account a
  cross join (select orrery.clock() as now) t
  left join orrery.session s on s.account_id = a.account_id and s.state <> 'ended'
  order by a.cluster, a.name_key;
comment on view orrery.account_status is 'Accounts: whether they may log in, the ban that keeps them out, devices, and their live session.';
grant select on orrery.account_status to orrery_viewer, orrery_admin;

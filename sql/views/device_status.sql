-- device_status: the devices that log in by a key.
create or replace view orrery.device_status as
  select d.device_id, d.cluster, a.name as account, d.name, encode(d.public_key, 'hex') as public_key,
    date_trunc('second', d.enrolled_at) as enrolled_at, date_trunc('second', d.used_at) as used_at, s.session_id
  from orrery.device d
  join orrery.account a on a.account_id = d.account_id
  left join orrery.session s on s.account_id = d.account_id and s.device_id = d.device_id and s.state <> 'ended'
  order by d.cluster, a.name_key, d.device_id;
comment on view orrery.device_status is 'Devices that log in by a key: whose, when they did last (or up to an hour before that), and the live session that they opened. Revoke one: SELECT device_revoke(account, device_id).';
grant select on orrery.device_status to orrery_viewer, orrery_admin;

-- session_status: everybody who is logged in, and where.
create or replace view orrery.session_status as
  select n.session_id, n.cluster, a.name as account, c.name as character, n.state, s.kind, s.key, n.server_id,
    n.client_address, date_trunc('second', orrery.clock() - n.opened_at) as age, n.reason
  from orrery.session n
  join orrery.account a on a.account_id = n.account_id
  left join orrery."character" c on c.character_id = n.character_id
  join orrery.server s on s.server_id = n.server_id
  where n.state <> 'ended'
  order by n.session_id;
comment on view orrery.session_status is 'Live sessions: account, character, and the server that owns them.';
grant select on orrery.session_status to orrery_viewer, orrery_admin;

-- chat_log: what was said in channels, as long as it is kept; not what was said directly.
create or replace view orrery.chat_log as
  select m.said_at, m.cluster, h.kind, h.name as channel, m.number, m.from_name as "from", m.text
  from orrery.chat_message m
  join orrery.chat_channel h on h.channel_id = m.channel_id
  where h.kind <> 'direct';
comment on view orrery.chat_log is 'What was said in channels; not what was said directly.';
grant select on orrery.chat_log to orrery_viewer, orrery_admin;

-- chat_status: every channel but the characters' own: who made it, who is in it, how much was said.
create or replace view orrery.chat_status as
  select h.channel_id, h.cluster, h.kind, h.name, c.name as made_by,
    case h.kind when 'created' then (select count(*) from orrery.chat_member m where m.channel_id = h.channel_id) end as members,
    h.last_number as said, m.kept, m.last_at
  from orrery.chat_channel h
  left join orrery."character" c on c.character_id = h.owner_id
  cross join lateral (
    select h.last_number - min(m.number) + 1 as kept, max(m.said_at) as last_at
    from (
      (select m.number, null::timestamptz as said_at from orrery.chat_message m where m.channel_id = h.channel_id order by m.number limit 1)
      union all
      (select m.number, m.said_at from orrery.chat_message m where m.channel_id = h.channel_id order by m.number desc limit 1)) m) m
  where h.kind <> 'direct'
  order by h.cluster, h.kind, h.name_key;
comment on view orrery.chat_status is 'Chat channels: who made them, members, how many messages were said and are kept.';
grant select on orrery.chat_status to orrery_viewer, orrery_admin;

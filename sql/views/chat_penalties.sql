-- chat_penalties: who is muted, and who is banned from a channel.
create or replace view orrery.chat_penalties as
  select p.cluster, c.name as character, h.name as channel, case when p.is_ban then 'banned' else 'muted' end as penalty, p.until_at, p.reason, p.given_at
  from orrery.chat_penalty p
  join orrery."character" c on c.character_id = p.character_id
  left join orrery.chat_channel h on h.channel_id = p.channel_id
  where coalesce(p.until_at > orrery.clock(), true)
  order by p.cluster, c.name_key, h.name_key;
comment on view orrery.chat_penalties is 'Who is muted (channel null: everywhere), and who is banned from a channel.';
grant select on orrery.chat_penalties to orrery_viewer, orrery_admin;

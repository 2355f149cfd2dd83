-- chat_pardon: a character may speak again, or come back into a channel that players made.
-- p_channel: where it was muted or banned; null: it was muted everywhere.
-- Writes: chat_penalty, event.   Locks: none.
-- Errors: OR002 neither muted nor banned there; those of chat_character and cluster_resolve.   Called by: DBA.
create or replace function orrery.chat_pardon(p_character text, p_channel text default null, p_cluster text default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster text := orrery.cluster_resolve(p_cluster, replace(format('chat_pardon(%L, %L', left(p_character, 64), left(p_channel, 64)), '%', '%%') || ', %L)');
  v_who     record;
  v_where   text;
begin
  v_who := orrery.chat_character(v_cluster, p_character, p_channel);
  v_where := coalesce('in ' || v_who.channel_name, 'everywhere');
  delete from orrery.chat_penalty p where p.character_id = v_who.character_id and p.channel_id is not distinct from v_who.channel_id;
  if not found then
    perform orrery.fail('OR002', format('%s is neither muted nor banned %s', v_who.character_name, v_where), null, 'SELECT * FROM chat_penalties');
  end if;
  perform orrery.event_add(v_cluster, 'character', v_who.character_id::text, 'chat_pardon',
    format('%s is pardoned %s, by %s', v_who.character_name, v_where, session_user));
  raise notice '%', format('%s is pardoned %s', v_who.character_name, v_where);
end
$$;
comment on function orrery.chat_pardon(text, text, text) is 'Lets a muted or banned character speak again.';
grant execute on function orrery.chat_pardon(text, text, text) to orrery_admin;

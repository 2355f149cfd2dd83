-- hook_set: register a game's function for a hook.
-- Hooks: cluster_created fn(p_cluster text); character_details fn(p_cluster text, p_character_ids bigint[]) returns jsonb, an object of theirs by number;
-- command fn(p_cluster text, p_character_id bigint, p_kind text, p_key text, p_name text, p_args jsonb) returns jsonb, what a player ordered
-- at (kind, key), in place of the one before, unless p_replace is false: then the one before stays.
-- Writes: hook.
-- Errors: OR001 unknown hook; those of handler_check; OR010 login of one cluster.
-- Called by: installation of games; DBA.
create or replace function orrery.hook_set(p_hook text, p_handler text, p_replace boolean default true) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_arguments text := case p_hook when 'cluster_created' then '(text)' when 'character_details' then '(text, bigint[])'
    when 'command' then '(text, bigint, text, text, text, jsonb)' end;
begin
  perform orrery.login_everywhere('hook_set');
  if v_arguments is null then
    perform orrery.fail('OR001', format('no hook %s', p_hook), 'There are cluster_created, character_details and command.', 'Name one of them.');
  end if;
  perform orrery.handler_check(p_handler, v_arguments);
  if p_hook = 'command' then
    if not coalesce(p_replace, true) and exists (select from orrery.hook h where h.hook = 'command') then
      return;
    end if;
    delete from orrery.hook h where h.hook = 'command' and h.handler <> p_handler;
  end if;
  insert into orrery.hook (hook, handler) values (p_hook, p_handler) on conflict (hook, handler) do nothing;
end
$$;
comment on function orrery.hook_set(text, text, boolean) is 'Registers a game''s function for a hook.';
grant execute on function orrery.hook_set(text, text, boolean) to orrery_admin, orrery_space_owner;

drop function if exists orrery.hook_set(text, text);

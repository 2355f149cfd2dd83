-- hook_set: register a game's function for a hook.
-- Hooks: cluster_created fn(p_cluster text); character_details fn(p_cluster text, p_character_ids bigint[]) returns jsonb, an object of theirs by number.
-- Writes: hook.
-- Errors: OR001 unknown hook; those of handler_check; OR010 login of one cluster.
-- Called by: installation of games; DBA.
create or replace function orrery.hook_set(p_hook text, p_handler text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_arguments text := case p_hook when 'cluster_created' then '(text)' when 'character_details' then '(text, bigint[])' end;
begin
  perform orrery.login_everywhere('hook_set');
  if v_arguments is null then
    perform orrery.fail('OR001', format('no hook %s', p_hook), 'There are cluster_created and character_details.', 'Name one of them.');
  end if;
  perform orrery.handler_check(p_handler, v_arguments);
  insert into orrery.hook (hook, handler) values (p_hook, p_handler) on conflict (hook, handler) do nothing;
end
$$;
comment on function orrery.hook_set(text, text) is 'Registers a game''s function for a hook.';
grant execute on function orrery.hook_set(text, text) to orrery_admin, orrery_space_owner;

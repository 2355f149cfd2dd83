-- hook_set: register a game's function for a hook.
-- Hooks: cluster_created fn(p_cluster text); character_details fn(p_cluster text, p_character_id bigint) returns jsonb.
-- Writes: hook.
-- Errors: OR001 unknown hook, no such function; OR003 a handler that is not SECURITY DEFINER or is owned by orrery_owner.
-- Called by: installation of games; DBA.
create or replace function orrery.hook_set(p_hook text, p_handler text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_arguments text := case p_hook when 'cluster_created' then '(text)' when 'character_details' then '(text, bigint)' end;
  v_proc pg_catalog.pg_proc;
begin
  if v_arguments is null then
    perform orrery.fail('OR001', format('no hook %s', p_hook), 'There are cluster_created and character_details.', 'Name one of them.');
  end if;
  select p.* into v_proc from pg_catalog.pg_proc p where p.oid = to_regprocedure(p_handler || v_arguments);
  if not found then
    perform orrery.fail('OR001', format('no function %s%s', p_handler, v_arguments), 'A handler has the arguments of its hook.',
      'Create it first; name it with its schema and without arguments.');
  end if;
  if not v_proc.prosecdef or v_proc.proowner = 'orrery_owner'::regrole then
    perform orrery.fail('OR003', format('%s cannot be a handler', p_handler),
      'A handler is SECURITY DEFINER and not owned by orrery_owner.', 'Give it an owner of the game''s and SECURITY DEFINER.');
  end if;
  insert into orrery.hook (hook, handler) values (p_hook, p_handler) on conflict (hook, handler) do nothing;
end
$$;
comment on function orrery.hook_set(text, text) is 'Registers a game''s function for a hook.';
grant execute on function orrery.hook_set(text, text) to orrery_admin, orrery_space_owner;

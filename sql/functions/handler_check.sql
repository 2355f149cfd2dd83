-- handler_check: refuse a function of a game that the control plane must not call: it would run with the rights of
-- orrery_owner unless it has an owner of its own and SECURITY DEFINER.
-- p_handler: qualified name without arguments; p_arguments: their types in parentheses.
-- Errors: OR001 no such function; OR003 not SECURITY DEFINER, or owned by orrery_owner.
-- Called by: hook_set, timer_kind_set, server_kind_with, fleet_set, fleet_try.
create or replace function orrery.handler_check(p_handler text, p_arguments text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_proc pg_catalog.pg_proc;
begin
  begin
    select p.* into v_proc from pg_catalog.pg_proc p where p.oid = to_regprocedure(p_handler || p_arguments);
  exception when syntax_error or invalid_name or invalid_text_representation then
    null;  -- what is no name names no function
  end;
  if v_proc.oid is null then
    perform orrery.fail('OR001', format('no function %s%s', p_handler, p_arguments), 'A handler has these arguments and no others.',
      'Create it first; name it with its schema and without arguments.');
  end if;
  if not v_proc.prosecdef or v_proc.proowner = 'orrery_owner'::regrole then
    perform orrery.fail('OR003', format('%s cannot be a handler', p_handler),
      'A handler is SECURITY DEFINER and not owned by orrery_owner.', 'Give it an owner of the game''s and SECURITY DEFINER.');
  end if;
end
$$;
comment on function orrery.handler_check(text, text) is 'Refuses a handler that would run with the rights of the control plane.';

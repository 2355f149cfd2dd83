-- timer_kind_set: name the handler of a kind of timer: a set-based function fn(orrery.timer[]), called in the transaction
-- that deletes the timers, so that its effect in the database happens exactly once.
-- Writes: timer_kind.
-- Errors: OR001 no such function; OR003 null, or a handler that is not SECURITY DEFINER or is owned by orrery_owner.
-- Called by: installation of games; DBA.
create or replace function orrery.timer_kind_set(p_kind text, p_handler text, p_comment text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_proc pg_catalog.pg_proc;
begin
  if p_kind is null or p_handler is null or p_comment is null then
    perform orrery.fail('OR003', 'a timer kind needs a name, a handler and a comment', 'One of them is null.',
      'SELECT timer_kind_set(''kind'', ''schema.function'', ''what it does'');');
  end if;
  select p.* into v_proc from pg_catalog.pg_proc p where p.oid = to_regprocedure(p_handler || '(orrery.timer[])');
  if not found then
    perform orrery.fail('OR001', format('no function %s(orrery.timer[])', p_handler), 'A handler takes all due timers of its kind at once.',
      'Create it first; name it with its schema and without arguments.');
  end if;
  if not v_proc.prosecdef or v_proc.proowner = 'orrery_owner'::regrole then
    perform orrery.fail('OR003', format('%s cannot be a handler', p_handler),
      'A handler is SECURITY DEFINER and not owned by orrery_owner.', 'Give it an owner of the game''s and SECURITY DEFINER.');
  end if;
  insert into orrery.timer_kind (timer_kind, handler, comment) values (p_kind, p_handler, p_comment)
  on conflict (timer_kind) do update set handler = excluded.handler, comment = excluded.comment
  where (timer_kind.handler, timer_kind.comment) is distinct from (excluded.handler, excluded.comment);
end
$$;
comment on function orrery.timer_kind_set(text, text, text) is 'Names the handler of a kind of timer.';
grant execute on function orrery.timer_kind_set(text, text, text) to orrery_admin, orrery_space_owner;

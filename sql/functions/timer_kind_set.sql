-- timer_kind_set: name the handler of a kind of timer: a set-based function fn(orrery.timer[]), called in the transaction
-- that deletes the timers, so that its effect in the database happens exactly once. The tick calls it for timers of every
-- cluster, and row-level security lets it see all: it must touch rows of a timer's own cluster only.
-- Writes: timer_kind.
-- Errors: those of handler_check; OR003 null, a name too long; OR010 login of one cluster.
-- Called by: installation of games; DBA.
create or replace function orrery.timer_kind_set(p_kind text, p_handler text, p_comment text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform orrery.login_everywhere('timer_kind_set');
  if p_kind is null or length(p_kind) not between 1 and 64 or p_kind ~ '[[:cntrl:]]' or p_handler is null or p_comment is null
      or length(p_comment) not between 1 and 1000 or p_comment ~ '[[:cntrl:]]' then
    perform orrery.fail('OR003', 'a timer kind needs a name of 1 to 64 characters, a handler and a comment', 'One of them is null, empty or too long, or has control characters.',
      'SELECT timer_kind_set(''kind'', ''schema.function'', ''what it does'');');
  end if;
  perform orrery.handler_check(p_handler, '(orrery.timer[])');
  insert into orrery.timer_kind (timer_kind, handler, comment) values (p_kind, p_handler, p_comment)
  on conflict (timer_kind) do update set handler = excluded.handler, comment = excluded.comment
  where (timer_kind.handler, timer_kind.comment) is distinct from (excluded.handler, excluded.comment);
end
$$;
comment on function orrery.timer_kind_set(text, text, text) is 'Names the handler of a kind of timer.';
grant execute on function orrery.timer_kind_set(text, text, text) to orrery_admin, orrery_space_owner;

-- timers_call: call the handler of a kind with due timers; null, or the error that it raised, its effects undone.
-- Called by: tick_timers.
create or replace function orrery.timers_call(p_kind text, p_timers orrery.timer[]) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handler text := (select k.handler from orrery.timer_kind k where k.timer_kind = p_kind);
begin
  if v_handler is null then
    return format('no timer kind %s', p_kind);
  end if;
  execute format('select %s($1)', v_handler::regproc) using p_timers;
  return null;
exception when others then
  return format('%s: %s', sqlstate, sqlerrm);
end
$$;
comment on function orrery.timers_call(text, orrery.timer[]) is 'Calls the handler of a timer kind; the error it raised, or null.';

-- timers_call: call the handler of a kind with due timers; null, or the error that it raised, its effects undone. It is named
-- in application_name while it runs, with the first timer and the number of others; one that is cancelled since it did not
-- end is an error of class 57014.
-- Called by: tick_timers.
create or replace function orrery.timers_call(p_kind text, p_timers orrery.timer[]) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
-- a handler asks of the game's tables what it likes
set enable_seqscan = on
as $$
declare
  v_handler text := (select k.handler from orrery.timer_kind k where k.timer_kind = p_kind);
begin
  if v_handler is null then
    return format('no timer kind %s', p_kind);
  end if;
  perform set_config('application_name', left(format('orrery tick: timers %s+%s %s', p_timers[1].timer_id, cardinality(p_timers) - 1, p_kind), 63), true);
  execute format('select %s($1)', v_handler::regproc) using p_timers;
  return null;
exception when query_canceled or others then
  return format('%s: %s', sqlstate, case sqlstate when '57014' then 'cancelled: it did not end in its time' else sqlerrm end);
end
$$;
comment on function orrery.timers_call(text, orrery.timer[]) is 'Calls the handler of a timer kind; the error it raised, or null.';

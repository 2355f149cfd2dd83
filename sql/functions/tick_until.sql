-- tick_until: when a tick loop that begins at p_now ends: the main one as the minute does; the spare half past the next, when
-- pg_cron, which starts no job beside itself, makes up for the start that it missed. So their ends lie half a minute apart,
-- and one always stands by.
-- Errors: none.   Called by: tick_loop.
create or replace function orrery.tick_until(p_spare boolean, p_now timestamptz) returns timestamptz
language plpgsql immutable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
begin
  return case when p_spare then date_trunc('minute', p_now + interval '75 seconds') + interval '30 seconds'
    else date_trunc('minute', p_now) + interval '60 seconds' end;
end
$$;
comment on function orrery.tick_until(boolean, timestamptz) is 'When a tick loop ends that begins now.';
grant execute on function orrery.tick_until(boolean, timestamptz) to orrery_cron;

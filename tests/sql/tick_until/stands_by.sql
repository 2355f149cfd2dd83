-- Catches minutes in which only one loop runs, so that nobody is there when it ends, and both ending at once.
begin;
select plan(6);
create function pg_temp.until(p_spare boolean, p_at text) returns text language sql as $$
  select to_char(orrery.tick_until(p_spare, ('2026-01-01 00:' || p_at || 'Z')::timestamptz) at time zone 'UTC', 'MI:SS')
$$;
select is(pg_temp.until(false, '00:00.02'), '01:00', 'the main one ends as the minute does');
select is(pg_temp.until(false, '00:17'), '01:00', 'begun at a restart as well');
select is(pg_temp.until(true, '00:00.02'), '01:30', 'the spare goes on over that');
select is(pg_temp.until(true, '01:30.01'), '02:30', 'and begins anew when pg_cron makes up for the start that it missed');
select is(pg_temp.until(true, '00:44'), '01:30', 'begun at any time');
select is((select count(*) from generate_series('2026-01-01Z'::timestamptz, '2026-01-01 00:10Z', '1 s') t
  where orrery.tick_until(true, t) - t not between '45 s' and '105 s' or extract(second from orrery.tick_until(true, t)) <> 30), 0::bigint, 'it ends half past a minute');
select * from finish();
rollback;

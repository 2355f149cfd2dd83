-- Catches a tick that takes a gap for continuity, or forgets it when one loop follows another.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.tick_state;
-- A clock that stands still between the moves.
create function pg_temp.at(p_at timestamptz) returns timestamptz language plpgsql as $$
begin
  execute format('create or replace function orrery.clock() returns timestamptz language sql stable parallel safe set search_path = pg_catalog, pg_temp as %L', format('select %L::timestamptz', p_at));
  return p_at;
end
$$;
create function pg_temp.ticks(p_at text, p_since text) returns text language sql as $$
  select pg_temp.at(('2030-01-01 00:00:' || p_at || 'Z')::timestamptz);
  select orrery.tick(('2030-01-01 00:00:' || p_since || 'Z')::timestamptz);
  select to_char(since_at at time zone 'UTC', 'SS.MS') from orrery.tick_state
$$;
select is(pg_temp.ticks('10', '10'), '10.000', 'the loop says since when');
select is(pg_temp.ticks('11.1', '11.1'), '10.000', 'the next loop goes on from the one before');
select is(pg_temp.ticks('11.2', '11.1'), '10.000', 'again');
select is(pg_temp.ticks('12.2', '11.1'), '10.000', 'and again');
select is(pg_temp.ticks('16', '16'), '16.000', 'after a gap it begins anew');
select is(pg_temp.ticks('06', '06'), '06.000', 'and when the clock was set back');
select setval('orrery.tick_seq', 0, false);
select * from finish();
rollback;

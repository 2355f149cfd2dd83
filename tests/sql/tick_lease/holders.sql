-- Catches two loops that both think they hold the lease, one that nobody can take, and one taken from who ticks.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.tick_state;
select setval('orrery.tick_seq', 0, false);
select orrery_test.clock_advance('0');
select pg_backend_pid() as me \gset
create function pg_temp.take(p_gone integer default null, p_gone_at timestamptz default null) returns text language sql as $$
  select format('%s %s', since_at is not null, case holder when pg_backend_pid() then 'me' else coalesce(holder::text, 'none') end) from orrery.tick_lease('2026-01-01Z', p_gone, p_gone_at)
$$;
select is(pg_temp.take(), 't none', 'after a crash it is free');
select is((select since_at from orrery.tick_lease('2026-01-01Z')), (select since_at from orrery.tick_state), 'kept');
select is(pg_temp.take(), 't me', 'by the same');
select ok(orrery.clock() - orrery.tick_at() < '1 s', 'who took it ticks');
update orrery.tick_state set backend = 1, backend_at = '2026-01-02Z';
select is(pg_temp.take(), 'f 1', 'another''s is not taken');
select is(pg_temp.take(1, '2026-01-03Z'), 'f 1', 'not since an earlier backend of its pid is gone');
select is(pg_temp.take(2, '2026-01-02Z'), 'f 1', 'nor another');
select is(pg_temp.take(1, '2026-01-02Z'), 't 1', 'but when it is gone');
update orrery.tick_state set backend = 1, since_at = '2026-01-01Z';
select orrery_test.clock_advance('1.8 s');
select is(pg_temp.take(), 'f 1', 'a moment of silence is none');
select orrery_test.clock_advance('0.3 s');
select is(pg_temp.take(), 't 1', 'tick_lease_ms is');
select isnt((select since_at from orrery.tick_state), '2026-01-01Z', 'and a gap');
update orrery.tick_state set backend = 1, since_at = '2026-01-01Z';
select pg_temp.take(1, '2026-01-01Z');
select is((select since_at from orrery.tick_state), '2026-01-01Z', 'a hand-over at once is none');
update orrery.tick_state set backend = 1;
select orrery_test.clock_advance('-10 s');
select is(pg_temp.take(), 't 1', 'a note of the future does not hold it');
select is((select count(*) from aclexplode((select proacl from pg_proc where oid = 'orrery.tick_lease(timestamptz,integer,timestamptz)'::regprocedure)) a
  where a.grantee not in ('orrery_owner'::regrole, 'orrery_cron'::regrole)), 0::bigint, 'nobody but the jobs'' login can take it');
select setval('orrery.tick_seq', 0, false);
select * from finish();
rollback;

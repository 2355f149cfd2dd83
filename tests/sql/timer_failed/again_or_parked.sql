-- Catches a failed timer that is lost, tried again at once, or for ever.
begin;
set local client_min_messages = warning;
select plan(13);
select orrery_test.cluster_running('t');
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes');
select orrery.setting_set('timer_attempts_max', 3);
create function pg_temp.failed(p_key text, p_attempt integer) returns void language sql as $$
  select orrery.timer_failed((0, '2026-01-01 00:00:00Z'::timestamptz, 4242, 't', 'note', p_key, '{"n":1}', p_attempt)::orrery.timer, 'P0001: cannot', '2026-01-02 00:00:00Z')
$$;
select pg_temp.failed('first', 0);
select is((select (due_at, timer_id, cluster, timer_kind, payload, attempt)::text from orrery.timer where key = 'first'),
  ('2026-01-02 00:00:01Z'::timestamptz, 4242::bigint, 't'::text, 'note'::text, '{"n":1}'::jsonb, 1::smallint)::text, 'again after timer_backoff_ms, as it was');
select pg_temp.failed('second', 1);
select is((select (due_at, attempt)::text from orrery.timer where key = 'second'), ('2026-01-02 00:00:02Z'::timestamptz, 2::smallint)::text, 'which doubles');
select is((select count(*) from orrery.timer_parked where cluster = 't'), 0::bigint, 'none is parked');
select is((select count(*) from orrery.event where cluster = 't' and noun = 'timer'), 0::bigint, 'and no event is made of it');
select pg_temp.failed('third', 2);
select is((select count(*) from orrery.timer where key = 'third'), 0::bigint, 'not after timer_attempts_max');
select is((select (timer_id, cluster, timer_kind, key, due_at, payload, attempt, error, parked_at)::text from orrery.timer_parked where key = 'third'),
  (4242::bigint, 't'::text, 'note'::text, 'third'::text, '2026-01-01 00:00:00Z'::timestamptz, '{"n":1}'::jsonb, 3::smallint, 'P0001: cannot'::text, '2026-01-02 00:00:00Z'::timestamptz)::text, 'it is parked with all it was, and the error');
select is((select reason from orrery.event where cluster = 't' and noun = 'timer' and noun_id = '4242'), 'note third failed 3 times: P0001: cannot', 'with an event');
select orrery.timer_failed((0, '2026-01-03Z'::timestamptz, 4343, 't', 'note', 'third', '{}', 2)::orrery.timer, 'P0001: again', '2026-01-04Z');
select is((select array_agg(timer_id) from orrery.timer_parked where key = 'third'), '{4343}', 'parked again under its key only the last is kept');
create function pg_temp.hung(p_attempt integer) returns void language sql as $$
  select orrery.timer_failed((0, '2026-01-01Z'::timestamptz, 4444, 't', 'note', 'hung', '{}', p_attempt)::orrery.timer, '57014: cancelled', '2026-01-02Z')
$$;
select orrery.setting_set('timer_attempts_max', 9);
select pg_temp.hung(0);
select is((select attempt from orrery.timer where key = 'hung'), 1::smallint, 'one that hung among others is tried again, alone');
delete from orrery.timer where key = 'hung';
select pg_temp.hung(1);
select is((select count(*) from orrery.timer where key = 'hung'), 0::bigint, 'one that hung alone is not');
select is((select attempt from orrery.timer_parked where key = 'hung'), 2::smallint, 'it is parked at once');
select orrery.timer_schedule('note', 'moved', '2030-01-01 00:00:00Z', '{"n":2}', 't') as moved \gset
select lives_ok($$select pg_temp.failed('moved', 0)$$, 'one that was set anew meanwhile is no error');
select is((select (timer_id, payload, attempt)::text from orrery.timer where key = 'moved'), (:moved::bigint, '{"n":2}'::jsonb, 0::smallint)::text, 'and stays as it was set');
select * from finish();
rollback;

-- Catches a timer that fires early, twice or never, and a wrong answer about when the next is due.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes'), orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail');
delete from orrery.timer;
select is(orrery.tick_timers(), null, 'none is due');
select orrery.timer_schedule('note', 'b', orrery.clock() - interval '1 second', '{"n":2}', 't'), orrery.timer_schedule('note', 'a', orrery.clock() - interval '2 seconds', '{"n":1}', 't'),
  orrery.timer_schedule('fragile', 'c', orrery.clock() - interval '1 second', '{}', 't'), orrery.timer_schedule('note', 'later', '2100-01-01Z', '{}', 't');
select is(orrery.tick_timers(), '2100-01-01Z'::timestamptz, 'the next is due then');
select results_eq('select kind, key, payload, batch from orrery_test.fired order by key', $$values ('note', 'a', '{"n":1}'::jsonb, 2), ('note', 'b', '{"n":2}', 2), ('fragile', 'c', '{}', 1)$$,
  'each due one, once, those of a kind together');
select is((select string_agg(key, ',') from orrery.timer), 'later', 'and they are gone');
select orrery.tick_timers();
select is((select count(*)::int from orrery_test.fired), 3, 'a second step fires nothing');
select * from finish();
rollback;

-- Catches a timer that is set twice, is not moved, or can never fire.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes'), orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail');
delete from orrery.timer;
select orrery.timer_schedule('note', 'a', '2030-01-01Z', '{"n":1}', 't');
select orrery.timer_schedule('note', 'a', '2031-01-01Z', '{"n":2}', 't');
select results_eq('select due_at, payload, attempt from orrery.timer where key = ''a''', $$values ('2031-01-01Z'::timestamptz, '{"n":2}'::jsonb, 0::smallint)$$, 'moved, not doubled');
select throws_ok('select orrery.timer_schedule(''unheard'', ''a'', now(), ''{}'', ''t'')', 'OR001', null, 'unknown kind');
select throws_ok('select orrery.timer_schedule(''note'', ''a'', ''infinity'', ''{}'', ''t'')', 'OR003', null, 'never');
select throws_ok('select orrery.timer_schedule(''note'', ''a'', null, ''{}'', ''t'')', 'OR003', null, 'no time');
select throws_ok('select orrery.timer_schedule(''note'', null, now(), ''{}'', ''t'')', 'OR003', null, 'no key');
select throws_ok(format('select orrery.timer_schedule(''note'', %L, now(), ''{}'', ''t'')', k), 'OR003', null, 'such a key') from unnest(array['', E'a\nb', repeat('x', 201)]) k;
select throws_ok('select orrery.timer_schedule(null, ''a'', now(), ''{}'', ''t'')', 'OR003', null, 'no kind');
select throws_ok('select orrery.timer_schedule(''note'', ''a'', now(), null, ''t'')', 'OR003', null, 'null payload');
select throws_ok('select orrery.timer_schedule(''note'', ''a'', now(), ''{}'', ''nowhere'')', 'OR001', null, 'unknown cluster');
select * from finish();
rollback;

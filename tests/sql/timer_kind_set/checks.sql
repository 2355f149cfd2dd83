-- Catches a handler that does not exist, or would run with the rights of the control plane.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes'), orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail');
delete from orrery.timer;
select orrery.timer_kind_set('note', 'orrery_test.note_or_fail', 'other');
select is((select handler || ':' || comment from orrery.timer_kind where timer_kind = 'note'), 'orrery_test.note_or_fail:other', 'the last word counts');
select throws_ok('select orrery.timer_kind_set(''x'', ''orrery_test.nothing'', ''c'')', 'OR001', null, 'no such function');
select throws_ok('select orrery.timer_kind_set(''x'', ''orrery_test.not_definer'', ''c'')', 'OR003', null, 'not SECURITY DEFINER');
alter function orrery_test.note_fired(orrery.timer[]) owner to orrery_owner;
select throws_ok('select orrery.timer_kind_set(''x'', ''orrery_test.note_fired'', ''c'')', 'OR003', null, 'owned by orrery_owner');
select throws_ok(format('select orrery.timer_kind_set(''x'', ''orrery_test.note_or_fail'', %L)', c), 'OR003', null, 'such a comment') from unnest(array['', E'a\nb', repeat('x', 1001)]) c;
select throws_ok('select orrery.timer_kind_set(null, ''orrery_test.note_or_fail'', ''c'')', 'OR003', null, 'null');
select * from finish();
rollback;

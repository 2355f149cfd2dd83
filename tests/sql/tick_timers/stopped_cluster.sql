-- Catches timers of a stopped cluster that fire, or are lost.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes'), orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail');
delete from orrery.timer;
select orrery.cluster_create('rest');
insert into orrery.timer (due_at, cluster, timer_kind, key) values (orrery.clock() - interval '1 hour', 'rest', 'note', 'a');
select is(orrery.tick_timers(), null, 'it is not due');
select is((select count(*)::int from orrery_test.fired), 0, 'it waits');
update orrery.cluster set state = 'starting' where cluster = 'rest';
select orrery.tick_timers();
select is((select count(*)::int from orrery_test.fired), 1, 'until its cluster starts');
select * from finish();
rollback;

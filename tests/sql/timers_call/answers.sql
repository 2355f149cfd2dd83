-- Catches a handler whose failure ends the tick, or leaves half of its effect.
begin;
set local client_min_messages = warning;
select plan(8);
select orrery_test.cluster_running('t');
create function orrery_test.dropped(p_timers orrery.timer[]) returns void language sql security definer as $$ select; $$;
select orrery.timer_kind_set('note', 'orrery_test.note_fired', 'notes'), orrery.timer_kind_set('fragile', 'orrery_test.note_or_fail', 'may fail'),
  orrery.timer_kind_set('gone', 'orrery_test.dropped', 'is dropped');
drop function orrery_test.dropped;
create function pg_temp.timers(p_kind text, variadic p_keys text[]) returns orrery.timer[] language sql as $$
  select array_agg((0, now(), n, 't', p_kind, k, '{}', 0)::orrery.timer order by n) from unnest(p_keys) with ordinality u(k, n)
$$;
select is(orrery.timers_call('note', pg_temp.timers('note', 'a', 'b')), null, 'no error');
select results_eq('select key, batch from orrery_test.fired order by key', $$values ('a', 2), ('b', 2)$$, 'called once with both');
select is(orrery.timers_call('fragile', pg_temp.timers('fragile', 'good', 'bad')), 'P0001: cannot do bad', 'its error, with its code');
select is((select count(*) from orrery_test.fired where kind = 'fragile'), 0::bigint, 'nothing of it stays');
select is(orrery.timers_call('fragile', pg_temp.timers('fragile', 'good')), null, 'the good one alone');
select is((select string_agg(key, ',') from orrery_test.fired where kind = 'fragile'), 'good', 'does its work');
select is(orrery.timers_call('none', pg_temp.timers('none', 'a')), 'no timer kind none', 'a kind that nobody handles');
select matches(orrery.timers_call('gone', pg_temp.timers('gone', 'a')), '^42883: ', 'a handler that does not exist any more');
select * from finish();
rollback;

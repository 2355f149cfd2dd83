-- Catches a time or a reason that makes no sense, and a penalty that is kept beside the one that replaced it.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
create function pg_temp.code(p_seconds bigint, p_reason text) returns text language sql as $$
  select orrery_test.refusal(format('select orrery.chat_penalty_set(''t'', (select character_id from orrery."character" where name = ''Ann''), null, false, %L, %L)', p_seconds, p_reason)) ->> 'code' $$;
select is(array[pg_temp.code(0, 'x'), pg_temp.code(-1, 'x'), pg_temp.code(3155760001, 'x'), pg_temp.code(1, ''), pg_temp.code(1, null), pg_temp.code(1, E'a\nb'), pg_temp.code(1, repeat('x', 201))],
  array_fill('OR003'::text, array[7]), 'refused');
select alike(orrery.chat_penalty_set('t', :ann, null, false, 60, 'x'), 'muted until % UTC: x', 'in words');
select is(orrery.chat_penalty_set('t', :ann, null, false, null, 'y'), 'muted for good: y', 'replaced');
select results_eq('select reason, until_at from orrery.chat_penalty', $$values ('y', null::timestamptz)$$, 'one');
select * from finish();
rollback;

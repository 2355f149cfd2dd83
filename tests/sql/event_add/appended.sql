-- Catches an event that loses part of what it says, or whose number is not the one it was given.
begin;
select plan(6);
select orrery_test.cluster_running('t');
select orrery.event_add('t', 'account', '7', 'test_rule', 'because', '{"n":1}') as id \gset
select is((select (cluster, noun, noun_id, rule, reason, detail)::text from orrery.event where event_id = :id),
  ('t'::text, 'account'::text, '7'::text, 'test_rule'::text, 'because'::text, '{"n":1}'::jsonb)::text, 'all of it, under the number that was answered');
select is((select (from_state, to_state) is null from orrery.event where event_id = :id), true, 'it is no change of state');
select cmp_ok((select abs(extract(epoch from clock_timestamp() - recorded_at)) from orrery.event where event_id = :id), '<', 60::numeric, 'at the real time');
select isnt((select tableoid::regclass::text from orrery.event where event_id = :id), 'orrery.event_default', 'in the partition of its day');
select cmp_ok(orrery.event_add(null, 'setting', 'x', 'test_rule'), '>', :id::bigint, 'numbers grow');
select throws_ok($$select orrery.event_add('t', null, 'x', 'test_rule')$$, '23502', null, 'an event is about something');
select * from finish();
rollback;

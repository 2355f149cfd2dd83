-- Catches a setting out of its range, unknown, or changed without an event.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery_test.refusal('select orrery.setting_set(''tick_ms'', 4)') ->> 'code', 'OR003', 'too low');
select is(orrery_test.refusal('select orrery.setting_set(''tick_ms'', null)') ->> 'code', 'OR003', 'null');
select is(orrery_test.refusal('select orrery.setting_set(''tack_ms'', 4)') ->> 'code', 'OR001', 'unknown');
select is(orrery_test.refusal('select orrery.setting(''tack_ms'')') ->> 'code', 'OR001', 'unknown to read');
select orrery.setting_set('tick_ms', 20);
select is(orrery.setting('tick_ms'), 20::numeric, 'set');
select is((select reason from orrery.event where rule = 'setting_set' order by event_id desc limit 1), 'tick_ms: 50 -> 20 ms', 'the event says from what to what');
select is(orrery_test.refusal('select orrery.setting_set(''heartbeat_ms'', orrery.setting(''lease_ms''))') ->> 'code', 'OR003', 'heartbeats so rare that a lease runs out between them');
select is(orrery_test.refusal('select orrery.setting_set(''lease_ms'', orrery.setting(''heartbeat_ms'') * 2 - 1)') ->> 'code', 'OR003', 'a lease so short');
select lives_ok('select orrery.setting_set(''lease_ms'', orrery.setting(''heartbeat_ms'') * 2)', 'two heartbeats long');
select * from finish();
rollback;

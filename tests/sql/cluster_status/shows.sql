-- Catches a status that hides a stalled tick, or a connect string that is wrong.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
update orrery.cluster set public_key = decode(repeat('ab', 32), 'hex') where cluster = 't';
select orrery.tick();
select is((select connect from orrery.cluster_status where cluster = 't'),
  (select format('t@192.0.2.1:%s#%s', login_port, repeat('ab', 32)) from orrery.cluster where cluster = 't'), 'connect');
select is((select tick from orrery.cluster_status where cluster = 't'), 'ok', 'it ticks');
select is((select stops_in from orrery.cluster_status where cluster = 't'), null, 'no countdown');
select orrery.cluster_shutdown(300, 't');
select orrery_test.clock_advance('12 s');
select matches((select tick from orrery.cluster_status where cluster = 't'), 'no tick for 1[23] s', 'it does not tick');
select ok((select stops_in between '4 minutes 45 s' and '4 minutes 50 s' from orrery.cluster_status where cluster = 't'), 'the countdown');
select lives_ok('select * from orrery.' || v, v) from unnest(array['agent_status', 'session_status', 'event_log', 'timer_status', 'setting_status', 'server_status']) v;
select setval('orrery.tick_seq', 0, false);
select matches((select tick from orrery.cluster_status where cluster = 't'), 'never', 'it never ticked');
select * from finish();
rollback;

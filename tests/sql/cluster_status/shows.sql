-- Catches a status that hides a stalled tick, or a connect string that is wrong.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select is((select connect from orrery.cluster_status where cluster = 't'), null, 'no login server holds its key yet');
update orrery.cluster_key set public_key = decode(repeat('ab', 32), 'hex'), held_at = now() where cluster = 't';
insert into orrery.cluster_key select 't', decode(repeat('cd', 32), 'hex'), static_key, made_at + '1 s', now() from orrery.cluster_key where cluster = 't';
insert into orrery.cluster_key select 't', decode(repeat('ef', 32), 'hex'), static_key, made_at + '2 s', null from orrery.cluster_key where cluster = 't' limit 1;
select orrery.server_kind_set('login2', '{"role":"login","command":"orrery-sessiond","args":["--role","login"],"always_on_key":"main","public_port":7790}', 't');
select orrery.tick_idle(), orrery.tick_servers();
select is((select waits_for like 'login2 main is starting%' from orrery.cluster_status where cluster = 't'), true, 'a second login server is always on');
select orrery_test.carry_out(:'a');
select orrery.tick();
select is((select connect from orrery.cluster_status where cluster = 't'),
  (select format('t@192.0.2.1:%s,192.0.2.1:7790#%s,%s', login_port, repeat('cd', 32), repeat('ab', 32)) from orrery.cluster where cluster = 't'), 'both login servers, keys that one holds, the newest first');
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

-- Catches a command whose bell was suppressed and never rung again.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.clock_advance('10 s');
select orrery_test.cluster_up('t') as a \gset
select setval('orrery.doorbell_seq', (extract(epoch from orrery.clock()) * 1000)::bigint + 1000) as full \gset
select orrery.server_request('grid', 'aldra-1', 't');
select is((select last_value from orrery.doorbell_seq), :full, 'no bell is left for now');
select orrery_test.clock_advance('1 s');
set local orrery.rung = 'no';
select orrery.tick_doorbell();
select ok((select last_value from orrery.doorbell_seq) > :full, 'rung by the tick when one is');
select setval('orrery.doorbell_seq', 0);
select * from finish();
rollback;

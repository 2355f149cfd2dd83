-- Catches a command whose bell was suppressed and never rung again.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.clock_advance('10 s');
select orrery_test.cluster_up('t') as a \gset
select setval('orrery.doorbell_seq', floor(extract(epoch from orrery.clock()))::bigint * 128 + 127);
select orrery.server_request('grid', 'aldra-1', 't');
select is((select last_value from orrery.doorbell_seq) % 128, 127::bigint, 'the bell of this second is used up');
select orrery_test.clock_advance('1 s');
set local orrery.rung = 'no';
select orrery.tick_doorbell();
select is((select last_value from orrery.doorbell_seq) % 128, 0::bigint, 'rung by the tick in the next');
select setval('orrery.doorbell_seq', 0);
select * from finish();
rollback;

-- Catches commands lost with the process that claimed them, and servers believed alive after their agent restarted.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.agent_up('a') as a \gset
select orrery.cluster_create('t');
select orrery.cluster_start('t');
select is(jsonb_array_length(orrery_test.beat(:'a') -> 'commands'), 2, 'claimed');
select orrery_test.agent_up('a') as a \gset
select is(jsonb_array_length(orrery_test.beat(:'a', '[]') -> 'commands'), 2, 'claimed anew by the next process');
select is((select array_agg(distinct s.state) from orrery.server s where s.cluster = 't'), '{starting}', 'what was not started yet is not missed');
select orrery_test.clock_advance('4 s');
select orrery_test.carry_out(:'a');
select is(orrery_test.cluster_state(), 'running', 'runs');
select orrery_test.agent_up('a') as a \gset
select is(orrery_test.beat(:'a') ->> 'want_inventory', 'true', 'a new process is asked what it runs');
select is(orrery_test.beat(:'a', '[{"server_id":0,"epoch":1,"state":"ready"}]', '01') -> 'unknown', '[{"server_id":0,"epoch":1}]', 'strangers are to be stopped');
select is((select array_agg(distinct s.state) from orrery.server s where s.cluster = 't'), '{requested}', 'what it does not run has exited');
select is(orrery_test.beat(:'a', null, '01') ->> 'want_inventory', null, 'the same digest needs no inventory');
select is(orrery_test.beat(:'a', null, '02') ->> 'want_inventory', 'true', 'another does');
select * from finish();
rollback;

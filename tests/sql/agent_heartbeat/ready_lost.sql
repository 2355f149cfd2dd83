-- Catches a READY whose report was lost.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.agent_up('a') as a \gset
select orrery.cluster_create('t');
select orrery.cluster_start('t');
select orrery_test.beat(:'a') as b \gset
select orrery_test.beat(:'a', (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'ready', 'pid', 4242)) from orrery.server s where s.cluster = 't'));
select is(orrery_test.cluster_state(), 'running', 'the inventory says it too');
select results_eq($$select distinct pid from orrery.server where cluster = 't'$$, array[4242], 'and what its process is');
select is(orrery_test.refusal(format('select orrery.agent_heartbeat(%s, ''wrong'', ''{}'', ''0'')', :'a'::jsonb ->> 'agent_id')) ->> 'code', 'OR004', 'a wrong token is refused');
select is(orrery_test.refusal('select orrery.agent_heartbeat(-1, ''wrong'', ''{}'', ''0'')') ->> 'code', 'OR001', 'so is an unknown agent');
select is(orrery_test.refusal(format('select orrery.agent_heartbeat(%s, %L, ''{"cpu":"x"}'', ''0'')', :'a'::jsonb ->> 'agent_id', :'a'::jsonb ->> 'token')) ->> 'code', 'OR003', 'so is a malformed load');
select is(orrery_test.refusal(format('select orrery_test.beat(%L, %L)', :'a', i)) ->> 'code', 'OR003', 'and a malformed inventory') from unnest(array['{}', '[1]', '[{"server_id":"x"}]', '[{"server_id":1,"epoch":1,"state":"ready","pid":2147483648}]']) i;
select * from finish();
rollback;

-- Catches a start that nobody ever reports on.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.agent_up('a') as a \gset
select orrery.cluster_create('t');
select orrery.cluster_start('t');
select orrery_test.beat(:'a', '[]') is not null as claimed \gset
select orrery_test.clock_advance('16 s');
select orrery_test.beat(:'a') is not null as heard \gset
select orrery.tick_servers();
select is((select array_agg(distinct c.verb) from orrery.command c where c.cluster = 't' and c.rule = 'tick_servers' and c.state = 'pending'), '{stop}', 'it is told to stop');
select is(orrery_test.beat(:'a') ->> 'want_inventory', 'true', 'and asked what it runs');
select orrery_test.report(:'a', (select jsonb_agg(jsonb_build_object('command_id', c.command_id, 'ok', true)) from orrery.command c where c.cluster = 't'));
select orrery_test.beat(:'a', '[]', '01') is not null as told \gset
select is((select array_agg(distinct s.state) from orrery.server s where s.cluster = 't'), '{requested}', 'what does not run is tried again');
select * from finish();
rollback;

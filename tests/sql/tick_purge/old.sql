-- Catches rows kept for ever, and rows purged too early or while something refers to them.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_request('grid', 'aldra-1', 't') as r \gset
select orrery_test.carry_out(:'a');
select orrery.server_stop((:'r'::jsonb ->> 'server_id')::bigint);
select orrery_test.carry_out(:'a');
select orrery.tick_purge();
select is((select state from orrery.server where server_id = (:'r'::jsonb ->> 'server_id')::bigint), 'stopped', 'kept for a while');
select orrery_test.clock_advance('3601 s');
select orrery.tick_purge();
select is((select count(*) from orrery.command c where c.cluster = 't'), 0::bigint, 'commands gone');
select results_eq($$select kind from orrery.server where cluster = 't' order by kind$$, $$values ('chat'), ('login')$$, 'the stopped server too, those that run not');
select * from finish();
rollback;

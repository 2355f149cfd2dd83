-- Catches a DBA who has agents judged lost by a silence that nobody has watched.
begin;
set local client_min_messages = warning;
select no_plan();
create role orrery_test_dba login in role orrery_admin;
create role orrery_test_ticks login in role orrery_cron;
select orrery.cluster_grant('*', 'orrery_test_dba');
select orrery.cluster_grant('*', 'orrery_test_ticks');
select orrery_test.agent_up('a') is not null as up \gset
update orrery.agent_heartbeat set beat_at = orrery.clock() - interval '1 hour';
select is(orrery_test.as_login('orrery_test_dba', $$select orrery.tick('-infinity')$$), 'OR003', 'a DBA does not say since when the tick has run');
select isnt(orrery_test.as_login('orrery_test_dba', 'select count(orrery.tick())'), 'OR003', 'but may tick');
select is((select state from orrery.agent where name = 'a'), 'up', 'which judges nobody');
select isnt(orrery_test.as_login('orrery_test_ticks', $$select count(orrery.tick(orrery.clock() - interval '1 hour'))$$), 'OR003', 'who ticks for good says it');
select * from finish();
rollback;

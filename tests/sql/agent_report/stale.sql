-- Catches a late report that changes something, and one that fails those beside it.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select s.server_id as id, s.epoch as epoch from orrery.server s where s.cluster = 't' and s.kind = 'chat' \gset
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', :id, 'epoch', :epoch - 1, 'state', 'exited'),
  jsonb_build_object('command_id', -1, 'ok', true), jsonb_build_object('server_id', :id, 'epoch', :epoch, 'state', 'confused')));
select is((select s.state from orrery.server s where s.server_id = :id), 'ready', 'nothing changed');
select is((select count(*) from orrery.event e where e.rule = 'agent_report_stale' and e.noun_id = :'a'::jsonb ->> 'agent_id'), 3::bigint, 'events tell');
select is((select count(*) from orrery.event e where e.rule = 'agent_report_stale' and e.cluster = 't'), 2::bigint, 'those of a cluster''s server to that cluster only');
select is(orrery_test.refusal(format('select orrery_test.report(%L, ''{}'')', :'a')) ->> 'code', 'OR003', 'not an array');
select is(orrery_test.refusal(format('select orrery_test.report(%L, ''[{"server_id":"x"}]'')', :'a')) ->> 'code', 'OR003', 'malformed');
select orrery_test.agent_up('other') as other \gset
select orrery_test.report(:'other', jsonb_build_array(jsonb_build_object('server_id', :id, 'epoch', :epoch, 'state', 'exited')));
select is((select s.state from orrery.server s where s.server_id = :id), 'ready', 'an agent cannot speak for another''s server');
select * from finish();
rollback;

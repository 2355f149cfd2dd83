-- Catches a server whose counters fail what is reported beside them, and one that counts for another machine's.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select s.server_id as id, s.epoch as epoch from orrery.server s where s.cluster = 't' and s.kind = 'chat' \gset
create function pg_temp.count(p_epoch bigint, p_id bigint, p_counters jsonb) returns jsonb language sql as $$
  select jsonb_build_array(jsonb_build_object('server_id', p_id, 'epoch', p_epoch, 'counters', p_counters))
$$;
create function pg_temp.stale() returns bigint language sql as $$ select count(*) from orrery.event e where e.rule = 'agent_report_stale' $$;
select orrery_test.report(:'a', pg_temp.count(:epoch, :id, '{"players":{"count":3}}'));
select is((select s.counters from orrery.server s where s.server_id = :id), '{"players":{"count":3,"capacity":0}}', 'kept');
select is(pg_temp.stale(), 0::bigint, 'without an event');
select orrery_test.report(:'a', pg_temp.count(:epoch, :id, '{"players":{"count":-3}}') || pg_temp.count(:epoch, :id, '{"players":{"count":4}}'));
select is((select s.counters from orrery.server s where s.server_id = :id), '{"players":{"count":4,"capacity":0}}', 'nonsense is passed over');
select is(pg_temp.stale(), 1::bigint, 'and told by an event');
select orrery_test.report(:'a', pg_temp.count(:epoch - 1, :id, '{"players":{"count":9}}'));
select orrery_test.agent_up('other') as other \gset
select orrery_test.report(:'other', pg_temp.count(:epoch, :id, '{"players":{"count":9}}'));
select is((select s.counters from orrery.server s where s.server_id = :id), '{"players":{"count":4,"capacity":0}}', 'nor is an earlier start, or another agent, believed');
select is(pg_temp.stale(), 3::bigint, 'which events tell');
select * from finish();
rollback;

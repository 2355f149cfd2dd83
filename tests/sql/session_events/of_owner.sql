-- Catches a change of owner that no event tells of, or an event of what did not change.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'a', 'grid', 'aldra-1') as s \gset
delete from orrery.event where noun = 'session';
update orrery.session set server_id = :station, rule = 'test', reason = 'because' where session_id = :s;
select is((select jsonb_agg(jsonb_build_array(cluster, noun_id, from_state, to_state, rule, reason)) from orrery.event where noun = 'session'), jsonb_build_array(jsonb_build_array('t', :'s', null, null, 'test', 'because')), 'another owner');
update orrery.session set server_id = :station, epoch = epoch + 1, payload = '{}' where session_id = :s;
select is((select count(*) from orrery.event where noun = 'session'), 1::bigint, 'the same');
update orrery.session set server_id = :grid, state = 'orphaned' where session_id = :s;
select is((select jsonb_agg(jsonb_build_array(from_state, to_state)) from orrery.event where noun = 'session' and to_state is not null), '[["playing","orphaned"]]', 'another state');
select * from finish();
rollback;

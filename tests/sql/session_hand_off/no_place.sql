-- Catches a hand-off to what is no place, to where it is already, or in a cluster that is not up.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'pat', 'grid', 'aldra-1', '{"hull":9}') as s \gset
create temp table before as select s, c from orrery.session s join orrery.character c using (character_id);
create function pg_temp.code(p_grid bigint, p_kind text, p_key text) returns text language sql as $$
  select orrery_test.answer(p_grid, 'session_hand_off', quote_literal(jsonb_build_array(orrery_test.hand('pat', p_kind, p_key)))) #>> '{0,error,code}' $$;
select is(pg_temp.code(:grid, 'grid', 'nowhere'), 'OR001', 'no such key');
select is(pg_temp.code(:grid, 'nothing', 'aldra-1'), 'OR001', 'no such kind');
select is(pg_temp.code(:grid, 'login', 'main'), 'OR001', 'a login server is no place');
select is(pg_temp.code(:grid, 'chat', 'main'), 'OR001', 'nor is chat');
select is(pg_temp.code(:grid, 'grid', 'aldra-1'), 'OR003', 'where it is');
select is(pg_temp.code(:grid, 'grid', ''), 'OR003', 'no key');
select is(pg_temp.code(:grid, 'grid', repeat('x', 201)), 'OR003', 'a key too long');
select is((select count(*) from orrery.server where cluster = 't'), 4::bigint, 'nobody is asked for');
select orrery.cluster_shutdown(0, 't');
select orrery.cluster_advance('t');
select is(pg_temp.code(:grid, 'grid', 'velo-2'), 'OR002', 'its cluster stops: nothing is started any more');
select set_eq('select s, c from orrery.session s join orrery.character c using (character_id)', 'select * from before', 'nothing has changed');
select * from finish();
rollback;

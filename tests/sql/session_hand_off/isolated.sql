-- Catches a session or a place of another cluster that a zone gets hold of (row-level security).
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.cluster_running('u');
select orrery_test.server_made('u', 'login', 'main') as u_login, orrery_test.server_made('u', 'grid', 'aldra-1') as u_grid, orrery_test.server_made('u', 'grid', 'velo-2') as u_velo \gset
create role isolated_t login in role orrery_session;
select orrery.cluster_grant('t', 'isolated_t');
select orrery_test.played(:login, 'pat', 'grid', 'aldra-1') as s, orrery_test.played(:u_login, 'kim', 'grid', 'aldra-1') as k \gset
create function pg_temp.as_t(p_grid bigint, p_entry jsonb) returns text language sql as $$
  select orrery_test.as_login('isolated_t', format('select orrery.session_hand_off(%s, %L)', orrery_test.me(p_grid), jsonb_build_array(p_entry))) $$;
select is(pg_temp.as_t(:grid, orrery_test.hand('kim', 'station', 'aldra-gate'))::jsonb #>> '{0,error,code}', 'OR007', 'another cluster''s session is none');
select is(pg_temp.as_t(:u_grid, orrery_test.hand('kim', 'grid', 'velo-2')), 'OR004', 'its server is none');
select is(pg_temp.as_t(:grid, orrery_test.hand('pat', 'grid', 'velo-2'))::jsonb #>> '{0,status}', 'waiting', 'a place has another server in each cluster');
select is((select count(*) from orrery.server where cluster = 't' and key = 'velo-2'), 1::bigint, 'its own is asked for');
select is(pg_temp.as_t(:grid, orrery_test.hand('pat', 'station', 'aldra-gate'))::jsonb #>> '{0,owner,server_id}', :'station', 'and had');
select is((select (server_id, state)::text from orrery.session where session_id = :k), format('(%s,playing)', :u_grid), 'the other''s is where it was');
-- a superuser sees all: the same must hold without row-level security
select is(orrery_test.answer(:station, 'session_hand_off', quote_literal(jsonb_build_array(orrery_test.hand('kim', 'grid', 'aldra-1')))) #>> '{0,error,code}', 'OR007', 'nor by any other way');
select * from finish();
rollback;

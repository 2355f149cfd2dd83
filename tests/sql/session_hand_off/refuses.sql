-- Catches a session that is moved by who does not own it (any more), or that is to be saved and ended.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'pat', 'grid', 'aldra-1') as s, orrery_test.played(:login, 'kim', 'grid', 'aldra-1') as k \gset
create function pg_temp.code(p_server bigint, p_name text, p_more jsonb default '{}') returns text language sql as $$
  select orrery_test.refusal(format('select orrery_test.handed(%s, %L, %L, %L, %L)', p_server, p_name, 'station', 'aldra-gate', p_more)) ->> 'code' $$;
select is(pg_temp.code(:station, 'pat', '{"kind":"grid","key":"aldra-1"}'), 'OR007', 'another server');
select is(pg_temp.code(:grid, 'pat', jsonb_build_object('epoch', epoch - 1)), 'OR007', 'an epoch that is over') from orrery_test.player where name = 'pat';
select is(pg_temp.code(:grid, 'pat', jsonb_build_object('epoch', epoch + 1)), 'OR007', 'one that never was') from orrery_test.player where name = 'pat';
select is(pg_temp.code(:grid, 'pat', '{"session_id":-1}'), 'OR007', 'no session');
select is(pg_temp.code(:login, 'pat'), 'OR004', 'a login server hands nothing off');
select orrery_test.opened(:login, account_id) as second from orrery_test.player where name = 'pat' \gset
select is(:'second'::jsonb ->> 'status', 'superseding', 'he logs in again');
select orrery_test.refusal(format('select orrery_test.handed(%s, %L, %L, %L)', :grid, 'pat', 'station', 'aldra-gate')) as r \gset
select is(:'r'::jsonb ->> 'code', 'OR007', 'what is to be released stays');
select matches(:'r'::jsonb ->> 'message', 'is to be released: superseded', 'and it is told so');
select is((select server_id from orrery.session where session_id = :s), :grid::bigint, 'to be saved by its server');
select orrery_test.answer(:grid, 'session_end', quote_literal(jsonb_build_array(jsonb_build_object('session_id', :k, 'epoch', epoch, 'reason', 'logout')))) from orrery_test.player where name = 'kim';
select is(pg_temp.code(:grid, 'kim'), 'OR007', 'what has ended is over');
select orrery_test.played(:login, 'lou', 'grid', 'aldra-1');
select format('%s, %s, %L', server_id, epoch, orrery_test.token_of(server_id)) as before from orrery.server where server_id = :grid \gset
select orrery_test.died(:grid);
select throws_ok(format('select orrery.session_hand_off(%s, ''[]'')', :'before'), 'OR007', null, 'a server that is over hands nothing off');
select orrery_test.back(:grid);
select is(pg_temp.code(:grid, 'lou'), 'OR007', 'an epoch of before its server died');
update orrery_test.player set epoch = (select epoch from orrery.session s where s.session_id = player.session_id);
select is(pg_temp.code(:grid, 'lou'), null, 'under its epoch it goes');
select is((select count(*) from orrery.event where rule = 'session_hand_off'), 1::bigint, 'alone');
select * from finish();
rollback;

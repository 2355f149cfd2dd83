-- Catches hand-offs of one call that spoil each other, or take more seats than there are.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery_test.account_made('t', 'a1') as a1, orrery_test.account_made('t', 'a2') as a2, orrery_test.account_made('t', 'a3') as a3 \gset
select orrery.character_create('pat', 'Pat', 'grid', 'aldra-1', 't'), orrery.character_create('kim', 'Kim', 'grid', 'aldra-1', 't'), orrery.character_create('a1', 'A1', 'grid', 'velo-2', 't'),
  orrery.character_create('a2', 'A2', 'grid', 'aldra-1', 't'), orrery.character_create('a3', 'A3', 'grid', 'velo-2', 't');
create temp table o as select c.name, (a.value -> 'session_id')::bigint as session_id, (a.value -> 'epoch')::bigint as epoch, c.character_id
from jsonb_array_elements(orrery_test.answer(:login, 'session_open', quote_literal((select jsonb_agg(jsonb_build_object('ref', account_id, 'account_id', account_id)) from orrery.account where cluster = 't')))) a
join orrery.character c on c.account_id = (a.value -> 'ref')::bigint;
update orrery.server_kind set sessions_max = 2 where cluster = 't' and kind = 'grid';
select quote_literal(jsonb_agg(jsonb_build_object('ref', name, 'session_id', session_id, 'epoch', epoch, 'character_id', character_id) order by name) || '[5,{"ref":"none","session_id":-1,"epoch":1,"character_id":1}]') as asks from o \gset
select orrery_test.answer(:login, 'session_select', :'asks') as a \gset
create function pg_temp.of(p_answer jsonb, p_ref text) returns jsonb language sql as $$ select v from jsonb_array_elements(p_answer) v where v ->> 'ref' = p_ref $$;
select is((pg_temp.of(:'a', n) ->> 'status'), s, n) from (values ('A1', 'waiting'), ('A3', 'waiting'), ('A2', 'ready'), ('Kim', 'ready')) v (n, s);
select is(pg_temp.of(:'a', 'Pat') #>> '{error,code}', 'OR006', 'no third seat');
select is(pg_temp.of(:'a', 'none') #>> '{error,code}', 'OR007', 'a session that is not');
select is(:'a'::jsonb #>> '{5,error,code}', 'OR003', 'no entry');
select is((select count(*)::int from orrery.server where cluster = 't' and key = 'velo-2'), 1, 'a place is asked for once');
select is((select array_agg(state order by name) from o join orrery.session using (session_id)), array['waiting', 'playing', 'waiting', 'playing', 'selecting'], 'as it is kept');
select is((pg_temp.of(:'a', 'Kim') #>> '{owner,epoch}')::bigint, (select s.epoch from o join orrery.session s using (session_id) where name = 'Kim'), 'each with its own epoch');
select is((pg_temp.of(:'a', 'Kim') #>> '{chat,epoch}')::bigint, (select s.epoch from o join orrery.attachment s using (session_id) where name = 'Kim'), 'in chat too');
select is(pg_temp.of(orrery_test.answer(:login, 'session_select', :'asks'), 'Kim'), pg_temp.of(:'a', 'Kim'), 'asked again, the same');
select is(pg_temp.of(orrery_test.answer(:login, 'session_select', :'asks'), 'A1') ->> 'status', 'waiting', 'and the same');
select is((select count(*)::int from orrery.event e join o on e.noun_id = o.session_id::text and e.noun = 'session' where to_state = 'playing'), 2, 'two hand-offs');
select is(jsonb_path_query_array(orrery_test.answer(:login, 'session_select', (select quote_literal(jsonb_agg(jsonb_build_object('ref', n, 'session_id', session_id, 'epoch', epoch, 'character_id', character_id))) from o, generate_series(1, 2) n where name = 'A1')),
  '$[*].error.code'), '["OR003"]', 'a session twice is asked once');
select throws_ok(format('select orrery.session_select(%s, %L)', orrery_test.me(:login), v), 'OR003', null, 'no array of 200') from unnest(array[null, '{}', (select jsonb_agg(n) from generate_series(1, 201) n)]::jsonb[]) v;
select * from finish();
rollback;

-- Catches entries of one call that spoil each other, are answered to another, or take more seats than there are.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery_test.account_made('t', 'banned') as banned, orrery_test.account_made('t', 'idle') as idle \gset
select orrery.account_ban('banned', 'cheats', null, 't');
select orrery.account_active_set('idle', false, 't');
insert into orrery.device (cluster, account_id, public_key, name, enrolled_at) values ('t', :kim, decode(repeat('ab', 32), 'hex'), 'phone', now()) returning device_id as d \gset
select orrery_test.answer(:login, 'session_open', quote_literal(jsonb_build_array(
  jsonb_build_object('ref', 1, 'account_id', :kim, 'address', '192.0.2.1:1', 'device_id', :d), jsonb_build_object('ref', 2, 'account_id', -5), 5, jsonb_build_object('ref', 4, 'account_id', :banned),
  jsonb_build_object('ref', 5, 'account_id', :idle), jsonb_build_object('ref', 6, 'account_id', :pat, 'device_id', :d), jsonb_build_object('ref', 7, 'account_id', :pat, 'address', ''),
  jsonb_build_object('ref', 8, 'account_id', :pat), jsonb_build_object('ref', 9, 'account_id', :pat), jsonb_build_object('ref', 10, 'account_id', :pat, 'device_id', 'x')))) as a \gset
select is(jsonb_path_query_array(:'a', '$[*].ref'), '[1, 2, null, 4, 5, 6, 7, 8, 9, 10]', 'in the order asked');
select is(jsonb_path_query_array(:'a', '$[*].error.code'), '["OR001", "OR003", "OR002", "OR002", "OR001", "OR003", "OR003"]', 'each for its own');
select is(:'a'::jsonb #> '{3,error}', '{"code":"OR002","message":"banned for good: cheats","hint":"SELECT account_unban(''banned'')","banned":true}', 'a ban in words');
select is(:'a'::jsonb #>> '{8,status}', 'superseding', 'the same account twice is one session');
select is((select array_agg((account_id, device_id)::text order by account_id) from orrery.session where state <> 'ended'), array[format('(%s,)', :pat), format('(%s,%s)', :kim, :d)], 'two are opened');
select is((select x.root from orrery.session_secret x where x.session_id = (:'a'::jsonb #>> '{0,session_id}')::bigint), decode(:'a'::jsonb #>> '{0,root}', 'hex'), 'each with its own secret');
select is((select account_id from orrery.session where session_id = (:'a'::jsonb #>> '{7,session_id}')::bigint and epoch = (:'a'::jsonb #>> '{7,epoch}')::bigint), :pat::bigint, 'and number');
select is(:'a'::jsonb #> '{0,token_expires_in_ms}', '86400000', 'for a day');
select isnt((select used_at from orrery.device where device_id = :d), null, 'the device was used');
update orrery.server_kind set sessions_max = 3 where cluster = 't' and kind = 'login';
select orrery_test.account_made('t', 'm1') as m1, orrery_test.account_made('t', 'm2') as m2 \gset
select is(jsonb_path_query_array(orrery_test.answer(:login, 'session_open', quote_literal((select jsonb_agg(jsonb_build_object('ref', i, 'account_id', i)) from unnest(array[:m1, :m2]) i))), '$[*].error.code'), '["OR006"]', 'as many as there is room for');
select is(orrery_test.answer(:login, 'session_open', '''[]'''), '[]', 'nothing');
select throws_ok(format('select orrery.session_open(%s, %L)', orrery_test.me(:login), v), 'OR003', null, 'no array of 200') from unnest(array[null, '{}', (select jsonb_agg(n) from generate_series(1, 201) n)]::jsonb[]) v;
select * from finish();
rollback;

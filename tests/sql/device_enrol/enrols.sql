-- Catches a key that opens another's account, more keys than a DBA can look through, or an answer that was lost and is an error.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select a ->> 'session_id' as k, a ->> 'epoch' as ke from orrery_test.opened(:login, :kim) a \gset
create function pg_temp.enrol(p_session bigint, p_epoch bigint, p_key text, p_name text default 'phone') returns jsonb language sql as $$
  select orrery_test.answer((select server_id from orrery.server where kind = 'login' and key = 'main'), 'device_enrol', format('%s, %s, %L, %L', p_session, p_epoch, p_key, p_name)) $$;
select pg_temp.enrol(:s, :e, repeat('ab', 32)) ->> 'device_id' as d \gset
select is((select (account_id, name, used_at is null)::text from orrery.device where device_id = :d and public_key = decode(repeat('ab', 32), 'hex')), format('(%s,phone,t)', :pat), 'enrolled');
select is(orrery_test.one(:login, 'login_begin', jsonb_build_object('name', 'pat', 'address', '192.0.2.1:1', 'device_key', repeat('ab', 32))) ->> 'device_id', :'d', 'it logs in');
select is(pg_temp.enrol(:s, :e, repeat('AB', 32)) ->> 'device_id', :'d', 'asked again, the same');
select is((select count(*) from orrery.event where rule = 'device_enrol'), 1::bigint, 'one event');
select is(orrery_test.refusal(format('select pg_temp.enrol(%s, %s, repeat(''ab'', 32))', :k, :ke)) ->> 'code', 'OR008', 'not another''s');
select is(orrery_test.refusal(format('select pg_temp.enrol(%s, %s, %L, %L)', :s, :e, k, n)) ->> 'code', 'OR003', coalesce(left(k, 10), 'null') || coalesce(left(n, 10), 'null'))
from (values ('zz', 'x'), (null, 'x'), (repeat('cd', 32), null), (repeat('cd', 32), ''), (repeat('cd', 32), E'a\nb'), (repeat('cd', 32), repeat('x', 65))) v (k, n);
select count(pg_temp.enrol(:s, :e, lpad(n::text, 64, '0'))) from generate_series(1, 9) n;
select is(orrery_test.refusal(format('select pg_temp.enrol(%s, %s, repeat(''cd'', 32))', :s, :e)) ->> 'code', 'OR006', 'ten, and no more');
select is(pg_temp.enrol(:s, :e, repeat('ab', 32)) ->> 'device_id', :'d', 'one of the ten is still the same');
select is((select count(*) from orrery.device where account_id = :pat), 10::bigint, 'ten');
select throws_ok(format('select orrery.device_enrol(%s, %s, %s, repeat(''ab'', 32), ''x'')', orrery_test.me(:grid), :s, :e), 'OR004', null, 'not a login server');
select * from finish();
rollback;

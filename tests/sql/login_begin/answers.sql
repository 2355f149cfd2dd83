-- Catches a login judged by what is not the player's, names that can be told apart, or a call spoilt by one of its entries.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.account_create('new', null, 't');
create function pg_temp.begun(p_entry jsonb) returns jsonb language sql as $$
  select orrery_test.one((select server_id from orrery.server where kind = 'login'), 'login_begin', '{"address":"192.0.2.9:1"}' || p_entry) $$;
select is(pg_temp.begun('{"name":"PAT"}'), jsonb_build_object('account_id', :pat, 'password_hash', '$argon2id$of-pat', 'device_id', null), 'a credential, whatever the case');
select is(pg_temp.begun(v), '{"account_id":null,"password_hash":null,"device_id":null}', left(v::text, 40))
from unnest(array['{"name":"nobody"}', '{"name":"new"}', '{"name":""}', '{"name":"a b''; --"}', jsonb_build_object('name', repeat('x', 100000))]::jsonb[]) v;
insert into orrery.device (cluster, account_id, public_key, name, enrolled_at) values ('t', :pat, decode(repeat('ab', 32), 'hex'), 'phone', now()) returning device_id as d \gset
select is(pg_temp.begun(jsonb_build_object('name', 'Pat', 'device_key', repeat('ab', 32))), jsonb_build_object('account_id', :pat, 'password_hash', null, 'device_id', :d), 'a device');
select is(pg_temp.begun(jsonb_build_object('device_key', repeat('ab', 32))) ->> 'device_id', :'d', 'which needs no name');
select is(pg_temp.begun(jsonb_build_object('name', n, 'device_key', k)), '{"account_id":null,"password_hash":null,"device_id":null}', 'not another''s')
from (values ('kim', repeat('ab', 32)), ('pat', repeat('cd', 32))) v (n, k);
select is(pg_temp.begun(jsonb_build_object('name', 'kim', 'device_key', null)) ->> 'account_id', :'kim', 'null is no device');
select is(orrery_test.refusal(format('select pg_temp.begun(%L)', v)) ->> 'code', 'OR003', left(v::text, 50))
from unnest(array['{"name":5}', '{}', '{"name":"pat","address":null}', '{"name":"pat","address":""}', '{"name":"pat","address":7}', '{"name":"pat","device_key":"zz"}', '{"name":"pat","device_key":7}']::jsonb[]) v;
select is(jsonb_path_query_array(orrery_test.answer(:login, 'login_begin', quote_literal('[5,{"ref":"a","name":"kim","address":"192.0.2.9:1"},null,[],{"ref":[1]}]')), '$[*].ref'), '[null,"a",null,null,[1]]', 'in the order asked');
select is(orrery_test.answer(:login, 'login_begin', quote_literal('[5,{"ref":"a","name":"kim","address":"192.0.2.9:1"}]')) #>> '{1,account_id}', :'kim', 'one that is wrong spoils no other');
select is(orrery_test.answer(:login, 'login_begin', '''[]'''), '[]', 'nothing');
select throws_ok(format('select orrery.login_begin(%s, %L)', orrery_test.me(:login), v), 'OR003', null, 'no array of 200') from unnest(array[null, '{}', (select jsonb_agg(n) from generate_series(1, 201) n)]::jsonb[]) v;
select throws_ok(format('select orrery.login_begin(%s, ''[]'')', orrery_test.me(:chat)), 'OR004', null, 'only to a login server');
select * from finish();
rollback;

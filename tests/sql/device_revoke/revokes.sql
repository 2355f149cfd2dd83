-- Catches a lost device that goes on, or somebody else's session that ends.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
insert into orrery.device (cluster, account_id, public_key, name, enrolled_at) values ('t', :pat, decode(repeat('ab', 32), 'hex'), 'phone', now()) returning device_id as d \gset
insert into orrery.device (cluster, account_id, public_key, name, enrolled_at) values ('t', :pat, decode(repeat('cd', 32), 'hex'), 'desk', now()) returning device_id as d2 \gset
select a ->> 'session_id' as s from orrery_test.opened(:login, :pat, null, :d) a \gset
select is((select session_id from orrery.device_status where device_id = :d), :s::bigint, 'who it lets in is shown');
select orrery.device_revoke('pat', :d2, 't');
select is((select state from orrery.session where session_id = :s), 'selecting', 'another device is another');
select is(orrery_test.refusal(format('select orrery.device_revoke(%L, %s, ''t'')', n, i)) ->> 'code', 'OR001', n || i) from (values ('kim', :d), ('pat', -1), ('nobody', :d)) v (n, i);
select is(orrery_test.refusal('select orrery.device_revoke(''pat'', null, ''t'')') ->> 'code', 'OR003', 'null');
select orrery.device_revoke('PAT', :d, 't') as ev \gset
select is((select state || ': ' || reason from orrery.session where session_id = :s), 'ended: kicked: the device was revoked', 'its session ends');
select is((select detail ->> 'session_id' from orrery.event where event_id = :ev), :'s', 'an event');
select is(orrery_test.one(:login, 'login_begin', jsonb_build_object('name', 'pat', 'address', '192.0.2.1:1', 'device_key', repeat('ab', 32))) ->> 'device_id', null, 'the key is unknown');
select is(orrery_test.refusal(format('select orrery_test.opened(%s, %s, null, %s)', :login, :pat, :d)) ->> 'code', 'OR001', 'also to who had begun to log in with it');
select * from finish();
rollback;

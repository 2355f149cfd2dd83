-- Catches a key that goes on after its player gave it up, or one that another gives up.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select a ->> 'session_id' as k, a ->> 'epoch' as ke from orrery_test.opened(:login, :kim) a \gset
select orrery_test.answer(:login, 'device_enrol', format('%s, %s, repeat(''ab'', 32), ''phone''', :s, :e));
select throws_ok(format('select orrery.device_forget(%s, %s, %s, repeat(''ab'', 32))', orrery_test.me(:login), :k, :ke), 'OR001', null, 'another''s');
select throws_ok(format('select orrery.device_forget(%s, %s, %s, ''zz'')', orrery_test.me(:login), :s, :e), 'OR003', null, 'no key');
select throws_ok(format('select orrery.device_forget(%s, %s, %s, null)', orrery_test.me(:login), :s, :e), 'OR003', null, 'null');
select lives_ok(format('select orrery.device_forget(%s, %s, %s, repeat(''AB'', 32))', orrery_test.me(:login), :s, :e), 'his own');
select is((select count(*) from orrery.device), 0::bigint, 'is gone');
select is((select state from orrery.session where session_id = :s), 'selecting', 'he goes on');
select is((select count(*) from orrery.event where rule = 'device_forget'), 1::bigint, 'an event');
select * from finish();
rollback;

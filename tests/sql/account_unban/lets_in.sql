-- Catches a ban that cannot be taken back.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select orrery.account_ban('pat', 'x', null, 't');
select orrery.account_unban('Pat', 't');
select lives_ok(format('select orrery_test.opened(%s, %s)', :login, :pat), 'he is in again');
select is(orrery_test.refusal('select orrery.account_unban(''pat'', ''t'')') ->> 'code', 'OR002', 'once');
select orrery.account_ban('kim', 'x', 5, 't');
select orrery_test.clock_advance('6 s');
select is(orrery_test.refusal('select orrery.account_unban(''kim'', ''t'')') ->> 'code', 'OR002', 'one that is over');
select is(orrery_test.refusal('select orrery.account_unban(''nobody'', ''t'')') ->> 'code', 'OR001', 'nobody');
select * from finish();
rollback;

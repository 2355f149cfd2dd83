-- Catches a verb about another account, or one that two change at once.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'login', 'other') as other, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.server_made('t', 'grid', 'aldra-1') as grid,
  orrery_test.account_made('t', 'pat') as pat, orrery_test.account_made('t', 'kim') as kim \gset
select is((orrery.account_named('t', 'PAT')).account_id, :pat::bigint, 'whatever the case');
select is(orrery_test.refusal('select orrery.account_named(''t'', ''nobody'')') ->> 'code', 'OR001', 'nobody');
select is(orrery_test.refusal('select orrery.account_named(''t'', null)') ->> 'code', 'OR003', 'null');
select * from finish();
rollback;

-- Catches a hash that is given to the wrong server or for the wrong name.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat, orrery_test.account_made('t', 'pat') as pat \gset
select is(orrery_test.answer(:login, 'account_credential', '''pat'''), jsonb_build_object('account_id', :pat, 'active', true, 'password_hash', '$argon2id$of-pat'), 'a credential');
select is(orrery_test.answer(:login, 'account_credential', '''nobody'''), null, 'unknown');
select is(orrery_test.answer(:login, 'account_credential', 'null'), null, 'null');
select orrery.account_active_set('pat', false, 't');
select is(orrery_test.answer(:login, 'account_credential', '''pat''') -> 'active', 'false', 'not active is said');
select throws_ok(format('select orrery.account_credential(%s, ''pat'')', orrery_test.me(:chat)), 'OR004', null, 'only to a login server');
select * from finish();
rollback;

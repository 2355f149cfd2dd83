-- Catches a code that works twice, too late, or for another account.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery.account_create('pat', null, 't') as code, orrery.account_create('kim', null, 't') as kims \gset
select is(orrery_test.answer(:login, 'account_credential', '''pat'''), null, 'no credential yet');
select is(orrery_test.answer(:login, 'account_password_set', format('''pat'', %L, ''$argon2id$1''', :'kims')), null, 'another''s code');
select is(orrery_test.answer(:login, 'account_password_set', format('''nobody'', %L, ''$argon2id$1''', :'code')), null, 'unknown name');
select is(orrery_test.answer(:login, 'account_password_set', '''pat'', null, ''$argon2id$1'''), null, 'no code');
select throws_ok(format('select orrery.account_password_set(%s, ''pat'', %L, ''clear'')', orrery_test.me(:login), :'code'), 'OR003', null, 'no hash');
select is(orrery_test.answer(:login, 'account_password_set', format('''PAT'', %L, ''$argon2id$1''', lower(replace(:'code', '-', ' ')))),
  (select jsonb_build_object('account_id', account_id, 'active', true) from orrery.account where name = 'pat' and cluster = 't'), 'the code, however it is typed');
select is(orrery_test.answer(:login, 'account_credential', '''Pat''') ->> 'password_hash', '$argon2id$1', 'the password is set');
select is(orrery_test.answer(:login, 'account_password_set', format('''pat'', %L, ''$argon2id$2''', :'code')), null, 'the code is used up');
update orrery.account set code_expires_at = now() - interval '1 second' where name = 'kim';
select is(orrery_test.answer(:login, 'account_password_set', format('''kim'', %L, ''$argon2id$1''', :'kims')), null, 'expired');
select * from finish();
rollback;

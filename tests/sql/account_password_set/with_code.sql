-- Catches a code that works twice, too late, or for another account.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery.account_create('pat', null, 't') as code, orrery.account_create('kim', null, 't') as kims \gset
create function pg_temp.begun(p_name text) returns jsonb language sql as $$
  select orrery_test.one((select server_id from orrery.server where cluster = 't'), 'login_begin', jsonb_build_object('name', p_name, 'address', '192.0.2.9:1')) $$;
select is(pg_temp.begun('pat') -> 'account_id', 'null', 'no credential yet');
select is(orrery_test.answer(:login, 'account_password_set', format('''pat'', %L, ''$argon2id$1'', ''192.0.2.9:1''', :'kims')), null, 'another''s code');
select is(orrery_test.answer(:login, 'account_password_set', format('''nobody'', %L, ''$argon2id$1'', ''192.0.2.9:1''', :'code')), null, 'unknown name');
select is(orrery_test.answer(:login, 'account_password_set', '''pat'', null, ''$argon2id$1'', ''192.0.2.9:1'''), null, 'no code');
select throws_ok(format('select orrery.account_password_set(%s, ''pat'', %L, ''clear'', ''192.0.2.9:1'')', orrery_test.me(:login), :'code'), 'OR003', null, 'no hash');
select is(orrery_test.answer(:login, 'account_password_set', format('''PAT'', %L, ''$argon2id$1'', ''192.0.2.9:1''', lower(replace(:'code', '-', ' ')))),
  (select jsonb_build_object('account_id', account_id, 'active', true) from orrery.account where name = 'pat' and cluster = 't'), 'the code, however it is typed');
select is(pg_temp.begun('Pat') ->> 'password_hash', '$argon2id$1', 'the password is set');
select is(orrery_test.answer(:login, 'account_password_set', format('''pat'', %L, ''$argon2id$2'', ''192.0.2.9:1''', :'code')), null, 'the code is used up');
select throws_ok(format('select orrery.account_password_set(%s, ''pat'', %L, ''$argon2id$1'', %L)', orrery_test.me(:login), :'code', a), 'OR003', null, 'no address') from unnest(array[null, '', repeat('x', 101)]) a;
update orrery.account set code_expires_at = now() - interval '1 second' where name = 'kim';
select is(orrery_test.answer(:login, 'account_password_set', format('''kim'', %L, ''$argon2id$1'', ''192.0.2.9:1''', :'kims')), null, 'expired');
delete from orrery.login_limit;
update orrery.account set code_expires_at = now() + interval '1 hour' where name = 'kim';
select is(count(*), 10::bigint, 'ten guesses') from generate_series(1, 10) n
where orrery_test.answer(:login, 'account_password_set', format('''kim'', ''wrong%s'', ''$argon2id$1'', ''192.0.2.%s:1''', n, n)) is null;
select is(orrery_test.answer(:login, 'account_password_set', format('''kim'', %L, ''$argon2id$1'', ''192.0.2.99:1''', :'kims')) ->> 'wait_ms' between '9000' and '99999', true, 'then the account waits, whoever asks');
select orrery_test.clock_advance('11 s');
select isnt(orrery_test.answer(:login, 'account_password_set', format('''kim'', %L, ''$argon2id$1'', ''192.0.2.99:1''', :'kims')) ->> 'account_id', null, 'and gets in after that');
select * from finish();
rollback;

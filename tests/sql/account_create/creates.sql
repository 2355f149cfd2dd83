-- Catches a code that does not work, is stored readably, or an account that exists twice.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.account_create('Pat', null, 't') as code \gset
select matches(:'code'::text, '^[A-Z2-9]{4}(-[A-Z2-9]{4}){3}$', 'four groups of four letters');
select is((select code_hash from orrery.account where name = 'Pat' and cluster = 't'), sha256(convert_to(replace(:'code', '-', ''), 'UTF8')), 'stored as its hash');
select is((select password_hash from orrery.account where name = 'Pat' and cluster = 't'), null, 'no password yet');
select is(orrery.account_create('Kim', '$argon2id$x', 't'), null, 'no code when a hash is given');
select isnt(orrery.account_create('Lee', null, 't'), :'code'::text, 'another code for another account');
select throws_ok('select orrery.account_create(''pAT'', null, ''t'')', 'OR008', null, 'the name in other letters');
select throws_ok('select orrery.account_create('''', null, ''t'')', 'OR003', null, 'no name');
select throws_ok('select orrery.account_create(null, null, ''t'')', 'OR003', null, 'null');
select throws_ok('select orrery.account_create(''Ann'', ''secret'', ''t'')', 'OR003', null, 'a password in clear');
select throws_ok('select orrery.account_create(''Ann'', null, ''nowhere'')', 'OR001', null, 'unknown cluster');
select * from finish();
rollback;

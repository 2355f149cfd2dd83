-- Catches a table that lets an account have two sessions at once, whoever writes it and whatever he locks.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.account_made('t', 'pat') as pat \gset
select a ->> 'session_id' as s from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
prepare second as
  insert into orrery.session (cluster, account_id, server_id, epoch, rule, state_at, opened_at, token_expires_at)
  select cluster, account_id, server_id, epoch + 1, 'test', state_at, opened_at, token_expires_at from orrery.session where session_id = :s;
select throws_ok('second', '23505', null, 'an account has at most one live session');
select * from finish();
rollback;

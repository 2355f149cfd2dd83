-- Catches call_begin when a daemon's call waits for a lock for as long as somebody holds it, or when it overrules its login's own bound.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
select is(current_setting('lock_timeout'), '0', 'no bound');
savepoint s;
select orrery.server_identity(e.server_id, e.epoch, orrery_test.token_of(e.server_id)) is not null as x from orrery.server e where e.server_id = :grid \gset
select is(current_setting('lock_timeout'), '2500ms', 'a server''s call has one');
rollback to s;
select orrery_test.refusal('select orrery.agent_register(null, null, null)');
select orrery_test.agent_up('bounded') as a \gset
select is(current_setting('lock_timeout'), '2500ms', 'an agent''s registration too');
rollback to s;
select orrery_test.agent_up('bounded') as a \gset
set local lock_timeout = 0;
select orrery_test.beat(:'a') is not null as x \gset
select is(current_setting('lock_timeout'), '2500ms', 'its heartbeat');
set local lock_timeout = 0;
select orrery_test.report(:'a', '[]');
select is(current_setting('lock_timeout'), '2500ms', 'and its report');
set local lock_timeout = '70ms';
select orrery_test.beat(:'a') is not null as x \gset
select is(current_setting('lock_timeout'), '70ms', 'the login''s own stands');
select * from finish();
rollback;

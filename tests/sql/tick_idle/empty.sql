-- Catches a server stopped under its players, one that never stops, and a missing always-on server.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_request('grid', 'aldra-1', 't') as r \gset
select (:'r'::jsonb ->> 'server_id')::bigint as id \gset
select orrery_test.carry_out(:'a');
select orrery.server_kind_set('grid', '{"idle_stop_ms":5000}', 't');
select orrery.tick_idle();
select orrery_test.clock_advance('4 s'); select orrery.tick_idle();
select is((select state from orrery.server where server_id = :id), 'ready', 'not yet');
select orrery_test.account_made('t', 'pat') as pat \gset
insert into orrery.session (cluster, account_id, server_id, epoch, state, rule, state_at, opened_at)
values ('t', :pat, :id, 1, 'selecting', 'test', now(), now()) returning session_id as s \gset
select orrery_test.clock_advance('4 s'); select orrery.tick_idle();
select is((select state from orrery.server where server_id = :id), 'ready', 'not while somebody is on it');
update orrery.session set state = 'ended', rule = 'test' where session_id = :s;
select orrery.tick_idle();
select orrery_test.clock_advance('6 s'); select orrery.tick_idle();
select is((select state || ': ' || reason from orrery.server where server_id = :id), 'stopping: nobody is on it', 'then');
select orrery.server_stop(s.server_id) from orrery.server s where s.cluster = 't' and s.kind = 'chat';
select orrery_test.carry_out(:'a');
select orrery.tick_idle();
select is((select array_agg(s.state) from orrery.server s where s.cluster = 't' and s.kind = 'chat' and s.state <> 'stopped'), '{starting}', 'what is always on comes back');
select * from finish();
rollback;

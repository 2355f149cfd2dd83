-- Catches a session that cannot be handed over for the length of its epoch.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.incarnation_raise(1 << 30);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select is(length(:'e'), 19, 'after incarnation_raise an epoch may have 19 digits');
select is(orrery_test.selected(:login, :s, :e, :ann) ->> 'status', 'ready', 'a session is handed over under it');
select * from finish();
rollback;

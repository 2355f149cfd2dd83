-- Catches a cluster that counts as up while an always-on server is missing, not ready, or does not own its key.
begin;
set local client_min_messages = warning;
select plan(7);
select orrery.cluster_create('t');
select orrery_test.cluster_running('t');
select is(orrery.cluster_is_up('t'), false, 'no server at all');
select orrery_test.server_made('t', 'login', 'main') as login \gset
select is(orrery.cluster_is_up('t'), false, 'one of two');
select orrery_test.server_made('t', 'chat', 'other') as other \gset
select is(orrery.cluster_is_up('t'), false, 'one of another key does not count');
select orrery_test.server_made('t', 'chat', 'main', 'starting') as chat \gset
select is(orrery.cluster_is_up('t'), false, 'nor one that starts');
update orrery.server set state = 'ready' where server_id = :chat;
select is(orrery.cluster_is_up('t'), true, 'both are ready');
update orrery.placement set server_id = null where server_id = :login;
select is(orrery.cluster_is_up('t'), false, 'one that does not own its key any more');
update orrery.server_kind set always_on_key = null where cluster = 't';
select is(orrery.cluster_is_up('t'), true, 'nothing is wanted');
select * from finish();
rollback;

-- Catches a key whose halves do not belong together.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select encode(orrery.cluster_key_add('t'), 'hex') as k \gset
select is((select orrery.x25519_public(static_key) from orrery.cluster_key where cluster = 't' and public_key = decode(:'k', 'hex')), decode(:'k', 'hex'), 'its private half is kept');
select is((select count(distinct static_key) from orrery.cluster_key where cluster = 't'), 2::bigint, 'beside the one that was made with the cluster');
select is((select count(*) from orrery.cluster_key where held_at is not null), 0::bigint, 'no login server holds it yet');
select * from finish();
rollback;

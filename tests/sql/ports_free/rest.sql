-- Catches a port of a server that is over still in use, or forgotten.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery_test.server_made('t', 'chat', 'main') as id, orrery_test.server_made('t', 'login', 'main') as other \gset
insert into orrery.port (agent_id, protocol, port, cluster, server_id, name, taken_at)
select s.agent_id, 'udp', 21000 + row_number() over (), 't', s.server_id, 'public', now() from orrery.server s where s.server_id in (:id, :other);
select orrery.ports_free(:id);
select is((select count(*) from orrery.port where server_id = :id), 0::bigint, 'it has none');
select is((select count(*) from orrery.port where cluster = 't' and freed_at is not null), 1::bigint, 'it rests');
select is((select count(*) from orrery.port where server_id = :other), 1::bigint, 'another''s are its own');
select * from finish();
rollback;

-- Catches a cluster without secrets or servers, two of a name, and two on a port.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery.cluster_create('u');
select is(orrery_test.cluster_state('t'), 'stopped', 'stopped');
select ok((select t.login_port + 10 <= u.login_port from orrery.cluster t, orrery.cluster u where t.cluster = 't' and u.cluster = 'u'), 'ports apart');
select isnt((select static_key from orrery.cluster_key where cluster = 't'), (select static_key from orrery.cluster_key where cluster = 'u'), 'keys of their own');
select results_eq($$select k.kind, k.role, k.always_on_key, k.public_port - c.login_port from orrery.server_kind k join orrery.cluster c using (cluster)
  where cluster = 't' and k.kind in ('login', 'chat') order by 1$$, $$values ('chat', 'chat', 'main', 1), ('login', 'login', 'main', 0)$$, 'login and chat');
select ok(exists (select from orrery.server_kind where cluster = 't' and role = 'zone'), 'the game''s hook added its kinds');
select is(orrery_test.refusal('select orrery.cluster_create(''t'')') ->> 'code', 'OR008', 'exists');
select is(orrery_test.refusal('select orrery.cluster_create(''Bad Name'')') ->> 'code', 'OR003', 'bad name');
select is(orrery_test.refusal('select orrery.cluster_create(null)') ->> 'code', 'OR003', 'null');
select * from finish();
rollback;

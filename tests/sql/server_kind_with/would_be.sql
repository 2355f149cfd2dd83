-- Catches a specification that changes what it does not say, or is taken though it says nonsense.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery.server_kind_set('arena', '{"command":"arena","cpu_millis":7,"ports":[{"name":"game"}]}', 't');
create function pg_temp.arena() returns orrery.server_kind language sql as $$ select k from orrery.server_kind k where k.cluster = 't' and k.kind = 'arena' $$;
select is(orrery.server_kind_with(pg_temp.arena(), '{}'), pg_temp.arena(), 'nothing changes nothing');
select is((orrery.server_kind_with(pg_temp.arena(), '{"memory_bytes":1}')).cpu_millis, 7, 'what is left out stays');
select is((orrery.server_kind_with(pg_temp.arena(), '{"memory_bytes":1}')).memory_bytes, 1::bigint, 'what is said is so');
select is((pg_temp.arena()).role, 'other', 'a new one is none of ours');
select is(orrery_test.refusal(format('select orrery.server_kind_with(pg_temp.arena(), %L)', s)) ->> 'code', 'OR003', s) from (values ('[]'), ('null'), ('{"x":1}'), ('{"kind":"a"}'),
  ('{"cpu_millis":"x"}'), ('{"args":"x"}'), ('{"env":[]}'), ('{"limits":{"nofile":-1}}')) v (s);
select * from finish();
rollback;

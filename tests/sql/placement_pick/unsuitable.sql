-- Catches a server placed on an agent that cannot run it.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.agent_heartbeat;
delete from orrery.port;
select orrery.cluster_create('t');
create function pg_temp.why() returns text language sql as $$ select reason from orrery.placement_pick('t', 'login') $$;
select orrery_test.agent_up('a', '{"clusters":["u"]}') is not null as up \gset
select matches(pg_temp.why(), 'none holds a credential of t', 'no credential');
select orrery_test.agent_up('a', '{"cpus":1}') as a \gset
select orrery.server_kind_set('login', '{"cpu_millis":1001}', 't');
select matches(pg_temp.why(), 'a has no cpu left', 'no cpu');
select orrery.server_kind_set('login', '{"cpu_millis":1}', 't');
select matches(pg_temp.why(), '^the only (agent|one of \d+ with room): \d+ % reserved$', 'suitable');
update orrery.agent set drain_at = now() where name = 'a';
select matches(pg_temp.why(), 'a is draining', 'draining');
update orrery.agent set drain_at = null where name = 'a';
update orrery.agent_heartbeat set beat_at = now() - interval '1 hour';
select matches(pg_temp.why(), 'a is not heard of', 'silent');
select orrery_test.beat(:'a');
update orrery.agent set state = 'lost', rule = 'test' where name = 'a';
select matches(pg_temp.why(), 'a is lost', 'lost');
select orrery_test.beat(:'a');
select matches(pg_temp.why(), '^the only ', 'heard of again');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
select orrery.server_request('login', 'main', 't');
select matches(pg_temp.why(), 'a has port \d+ taken', 'fixed port taken');
select is(orrery_test.refusal($$select orrery_test.agent_up('big', '{"cpus":2147483647}')$$) ->> 'code', 'OR003', 'a size that no machine has');
select orrery_test.agent_up('big', '{"cpus":1000000,"memory_bytes":1000000000000000000}') is not null as up \gset
select matches(pg_temp.why(), '^the only ', 'and the largest there may be');
select * from finish();
rollback;

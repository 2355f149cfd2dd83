-- Catches an agent taken for one that has the ports of a kind, and one that is not though it is.
begin;
set local client_min_messages = warning;
select no_plan();
select (orrery_test.agent_up('agent-p', '{"port_min":21000,"port_max":21004}') ->> 'agent_id')::bigint as agent \gset
create function pg_temp.lack(p_agent bigint, p_ports jsonb, p_fixed integer default null) returns text language sql as $$
  select orrery.port_lack(a, jsonb_populate_record(null::orrery.server_kind, jsonb_build_object('ports', orrery.server_kind_ports('k', p_ports), 'public_port', p_fixed)))
  from orrery.agent a where a.agent_id = p_agent
$$;
select is(pg_temp.lack(:agent, '[]'), null, 'none wanted');
select is(pg_temp.lack(:agent, '[{"name":"a","count":5}]'), null, 'all');
select is(pg_temp.lack(:agent, '[{"name":"a","count":5},{"name":"b","protocol":"tcp","count":5}]'), null, 'of both protocols');
select is(pg_temp.lack(:agent, '[{"name":"a","count":6}]'), 'has 5 of 6 udp ports left', 'more than all');
select is(pg_temp.lack(:agent, '[{"name":"a"},{"name":"b","count":5}]'), 'has 5 of 6 udp ports left', 'together');
select is(pg_temp.lack(:agent, '[{"name":"a"},{"name":"b","count":5}]', 7777), null, 'a fixed one that lies outside');
select is(pg_temp.lack(:agent, '[{"name":"a"},{"name":"b","count":5}]', 21000), 'has 4 of 5 udp ports left', 'or within');
insert into orrery.port (agent_id, protocol, port, cluster, server_id, name, taken_at, freed_at)
values (:agent, 'udp', 21002, 't', null, 'public', now(), now());
select is(pg_temp.lack(:agent, '[{"name":"a","count":3}]'), 'has no 3 udp ports in a row left', 'one that rests is in the way');
select is(pg_temp.lack(:agent, '[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"},{"name":"e"}]', 21002), null, 'a fixed one is in nobody''s way while it rests');
update orrery.port set freed_at = now() - interval '1 hour' where agent_id = :agent;
select is(pg_temp.lack(:agent, '[{"name":"a","count":3}]'), null, 'until it has rested');
select * from finish();
rollback;

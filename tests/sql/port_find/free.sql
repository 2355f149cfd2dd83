-- Catches a port that is not free, and a free one that is not found.
begin;
set local client_min_messages = warning;
select no_plan();
select (orrery_test.agent_up('agent-p', '{"port_min":21000,"port_max":21003}') ->> 'agent_id')::bigint as agent \gset
create function pg_temp.find(p_agent bigint, p_count integer) returns integer language sql as $$
  select orrery.port_find(a, 'udp', p_count) from orrery.agent a where a.agent_id = p_agent
$$;
insert into orrery.port (agent_id, protocol, port, cluster, server_id, name, taken_at, freed_at)
values (:agent, 'udp', 21002, 't', null, 'public', now(), now() - interval '1 hour');
select is(pg_temp.find(:agent, 1), 21003, 'beyond the last that was taken');
select is(pg_temp.find(:agent, 2), 21000, 'two that nobody had');
select is(pg_temp.find(:agent, 4), 21000, 'all');
select is(pg_temp.find(:agent, 5), null, 'more than all');
insert into orrery.port (agent_id, protocol, port, cluster, server_id, name, taken_at, freed_at)
values (:agent, 'udp', 21003, 't', null, 'public', now(), now());
select is(pg_temp.find(:agent, 1), 21002, 'by index, one that has rested');
delete from orrery.port where port = 21002 and agent_id = :agent;
select is(pg_temp.find(:agent, 1), 21000, 'one that nobody had, below the last');
select * from finish();
rollback;

-- Catches a port that is given twice, outside the range, or again as soon as it is freed.
begin;
set local client_min_messages = warning;
select plan(11);
select orrery.cluster_create('t');
select orrery_test.server_made('t', 'chat', 'main', 'requested') as id \gset
select (orrery_test.agent_up('agent-p', '{"port_min":21000,"port_max":21002}') ->> 'agent_id')::bigint as agent \gset
create function pg_temp.take(p_agent bigint, p_server bigint, p_port integer default null) returns integer language sql as $$
  select orrery.port_take(a, s, 'public', p_port) from orrery.agent a, orrery.server s where a.agent_id = p_agent and s.server_id = p_server
$$;
select is(pg_temp.take(:agent, :id), 21000, 'the first');
select is((select (cluster, server_id, protocol, purpose)::text from orrery.port where agent_id = :agent and port = 21000),
  ('t'::text, :id::bigint, 'udp'::text, 'public'::text)::text, 'is the server''s');
select is(pg_temp.take(:agent, :id), 21001, 'the next');
delete from orrery.port where agent_id = :agent and port = 21000;
select is(pg_temp.take(:agent, :id), 21002, 'a freed one rests');
select is(pg_temp.take(:agent, :id), 21000, 'until all others were taken');
select is(pg_temp.take(:agent, :id), null, 'none is free');
select is(pg_temp.take(:agent, :id, 7777), 7777, 'a named one may lie outside');
select is(pg_temp.take(:agent, :id, 7777), null, 'but is taken once');
select is(pg_temp.take(:agent, :id, 21001), null, 'nor is one of the range');
select is((select port_last from orrery.agent where agent_id = :agent), 21000, 'named ones do not move the range on');
select is(pg_temp.take((orrery_test.agent_up('agent-q', '{"port_min":21000,"port_max":21002}') ->> 'agent_id')::bigint, :id), 21000, 'another machine has its own');
select * from finish();
rollback;

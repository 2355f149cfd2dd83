-- Catches a port that is given twice, outside the range, before it has rested, or not the one that rested longest; and ports that are
-- not contiguous.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery_test.server_made('t', 'chat', 'main', 'requested') as id \gset
select (orrery_test.agent_up('agent-p', '{"port_min":21000,"port_max":21002}') ->> 'agent_id')::bigint as agent \gset
create function pg_temp.take(p_agent bigint, p_server bigint, p_port integer default null, p_count integer default 1, p_protocol text default 'udp')
returns integer language sql as $$
  select orrery.port_take(a, s, 'public', p_protocol, p_count, p_port) from orrery.agent a, orrery.server s where a.agent_id = p_agent and s.server_id = p_server
$$;
create function pg_temp.free(p_agent bigint, p_port integer, p_ago interval) returns void language sql as $$
  update orrery.port set server_id = null, freed_at = orrery.clock() - p_ago where agent_id = p_agent and port = p_port
$$;
select is(pg_temp.take(:agent, :id), 21000, 'the first');
select is((select (cluster, server_id, protocol, name)::text from orrery.port where agent_id = :agent and port = 21000),
  ('t'::text, :id::bigint, 'udp'::text, 'public'::text)::text, 'is the server''s');
select is(pg_temp.take(:agent, :id), 21001, 'the next');
select pg_temp.free(:agent, 21000, '1 hour');
select is(pg_temp.take(:agent, :id), 21002, 'a freed one comes after those that nobody had');
select is(pg_temp.take(:agent, :id), 21000, 'and then');
select is(pg_temp.take(:agent, :id), null, 'none is free');
select pg_temp.free(:agent, 21001, '9 seconds');
select is(pg_temp.take(:agent, :id), null, 'one that was just freed rests');
select pg_temp.free(:agent, 21002, '30 seconds'), pg_temp.free(:agent, 21000, '20 seconds');
select is(pg_temp.take(:agent, :id), 21002, 'the one that has rested longest');
select is(pg_temp.take(:agent, :id), 21000, 'then the other');
select is(pg_temp.take(:agent, :id, null, 1, 'tcp'), 21000, 'another protocol has its own');
select is(pg_temp.take(:agent, :id, 7777), 7777, 'a named one may lie outside');
select is(pg_temp.take(:agent, :id, 7777), null, 'but is taken once');
select pg_temp.free(:agent, 7777, '0 seconds');
select is(pg_temp.take(:agent, :id, 7777), 7777, 'and needs no rest');
select is(pg_temp.take(:agent, :id, 21000), null, 'nor is one of the range taken twice');
select is(pg_temp.take((orrery_test.agent_up('agent-q', '{"port_min":21000,"port_max":21002}') ->> 'agent_id')::bigint, :id), 21000, 'another machine has its own');

-- several
select (orrery_test.agent_up('agent-r', '{"port_min":22000,"port_max":22009}') ->> 'agent_id')::bigint as agent \gset
select is(pg_temp.take(:agent, :id, null, 4), 22000, 'four in a row');
select is(pg_temp.take(:agent, :id, null, 4), 22004, 'the next four');
select is(pg_temp.take(:agent, :id, null, 4), null, 'two are not four');
select is((select count(*) from orrery.port where agent_id = :agent), 8::bigint, 'and none of them is taken');
select pg_temp.free(:agent, n, '1 minute') from generate_series(22002, 22005) n;
select is(pg_temp.take(:agent, :id, null, 3), 22002, 'three of those that were freed');
select is(pg_temp.take(:agent, :id, null, 2), 22008, 'two that nobody had');
select is(pg_temp.take(:agent, :id), 22005, 'and the last');
select pg_temp.free(:agent, n, '1 minute') from generate_series(22006, 22008) n;
select pg_temp.free(:agent, 22007, '1 second');
select is(pg_temp.take(:agent, :id, null, 2), null, 'one that rests parts those beside it');
select * from finish();
rollback;

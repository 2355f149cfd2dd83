-- Catches an end of the lease that is taken for a stop of the agent, after which nobody wants the server any more, and the other way
-- round; and a word of it that is no boolean taken for one.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
create function pg_temp.exits(p_agent jsonb, p_key text, p_more jsonb) returns text language plpgsql as $$
declare
  v_id     bigint := orrery_test.server_made('t', 'plain', p_key);
  v_server orrery.server;
begin
  update orrery.server s set agent_id = (p_agent ->> 'agent_id')::bigint where s.server_id = v_id;
  select * into v_server from orrery.server s where s.server_id = v_id;
  perform orrery_test.report(p_agent, jsonb_build_array(
    jsonb_build_object('server_id', v_server.server_id, 'epoch', v_server.epoch, 'state', 'exited', 'reason', 'gone') || p_more));
  select * into v_server from orrery.server s where s.server_id = v_id;
  return format('%s by %s, %s', v_server.state, v_server.rule, v_server.failures);
end
$$;
select is(pg_temp.exits(:'a', 'lease', '{"by_agent":true,"by_lease":true}'), 'requested by lease_over, 0', 'what ended with its lease is wanted again, without a failure');
select is(pg_temp.exits(:'a', 'agent', '{"by_agent":true,"by_lease":false}'), 'stopped by agent_ended_server, 0', 'what its agent ended is not');
select is(pg_temp.exits(:'a', 'before', '{"by_agent":true}'), 'stopped by agent_ended_server, 0', 'an agent of before does not say it');
select is(pg_temp.exits(:'a', 'itself', '{"by_agent":false,"by_lease":null}'), 'stopped by agent_report, 0', 'nor is what ended by itself');
select throws_ok(format('select pg_temp.exits(%L, %L, %L)', :'a', 'odd', jsonb_build_object('by_lease', v)), 'OR003', null, format('%s is refused', v))
from unnest(array['"perhaps"', '7', '{}', '[true]']::jsonb[]) v;
select * from finish();
rollback;

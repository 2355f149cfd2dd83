-- Catches a server that died unnoticed, one that is ready and not used, and one that runs although nobody wants it.
begin;
set local client_min_messages = warning;
select plan(13);
select orrery_test.cluster_up('t') as a \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as agent \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
create function pg_temp.inventory(p_keys text, p_state text) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', p_state)) from orrery.server s where s.cluster = 't' and s.key ~ p_keys
$$;
create function pg_temp.state_of(p_key text) returns text language sql as $$ select state from orrery.server where cluster = 't' and kind = 'plain' and key = p_key $$;
select orrery.server_request('plain', k, 't') from unnest(array['kept', 'told', 'lost', 'slow']) k;
select orrery_test.carry_out(:'a') from generate_series(1, 1);
select orrery.server_request('plain', 'new', 't');
update orrery.command c set state = 'claimed', rule = 'test' where c.state = 'pending';
select orrery.server_request('plain', 'late', 't');
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('command_id', command_id, 'ok', true)))
from orrery.command c join orrery.server s using (server_id) where s.key = 'new' and c.state = 'claimed';
select orrery_test.beat(:'a');
select orrery.agent_inventory_compare(:agent, pg_temp.inventory('kept|told|slow|main', 'ready') || pg_temp.inventory('new', 'ready')
  || '[{"server_id":999999999,"epoch":7,"state":"ready"}]') as unknown \gset
select is(:'unknown'::jsonb, '[{"server_id":999999999,"epoch":7}]', 'what is not known must stop, nothing else');
select is(pg_temp.state_of('kept'), 'ready', 'what both know stays');
select is(pg_temp.state_of('new'), 'ready', 'ready is heard of here when its report was lost');
select is(pg_temp.state_of('lost'), 'stopped', 'what does not run any more has exited');
select is((select rule || ': ' || reason from orrery.server where cluster = 't' and key = 'lost'), 'agent_inventory_compare: its agent does not run it any more', 'and says why');
select is(pg_temp.state_of('late'), 'starting', 'one whose start is not reported yet is not missed');
select is((select orrery.agent_inventory_compare(:agent, jsonb_set(pg_temp.inventory('late', 'ready'), '{0,epoch}', to_jsonb(epoch - 1)) || pg_temp.inventory('kept|told|slow|new|main', 'ready'))
  #> '{0,epoch}' from orrery.server where cluster = 't' and key = 'late'), (select to_jsonb(epoch - 1) from orrery.server where cluster = 't' and key = 'late'), 'an earlier start of it must stop');
select is(pg_temp.state_of('late'), 'starting', 'and is not taken for this one');
select pg_temp.inventory('kept|told|slow|new|main', 'ready') as before \gset
select is(orrery.agent_inventory_compare(:agent, :'before'), '[]', 'compared again nothing is found');
update orrery.server s set epoch = orrery.epoch_next() where s.cluster = 't' and s.key = 'told';
select is((select orrery.agent_inventory_compare(:agent, :'before') #> '{0,server_id}'), (select to_jsonb(server_id) from orrery.server where cluster = 't' and key = 'told'),
  'a stale epoch must stop');
select isnt(pg_temp.state_of('told'), 'ready', 'and is not taken for the server');
select orrery_test.agent_up('agent-x') ->> 'agent_id' as other \gset
select is(jsonb_array_length(orrery.agent_inventory_compare(:other, pg_temp.inventory('kept', 'ready'))), 1, 'another agent cannot run it');
select is(pg_temp.state_of('kept'), 'ready', 'nor end it');
select * from finish();
rollback;

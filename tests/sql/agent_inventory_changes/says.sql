-- Catches news that are not seen, and an inventory without news that is taken for one with.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
create function pg_temp.inventory(p_keys text, p_state text) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', p_state)) from orrery.server s where s.cluster = 't' and s.key ~ p_keys
$$;
create function pg_temp.changes(p_inventory jsonb) returns table (key text, is_ready boolean) language sql as $$
  select s.key, c.is_ready from orrery.agent_inventory_changes((select a.agent_id from orrery.agent a where a.name = 'agent-t'), p_inventory) c
  join orrery.server s on s.server_id = c.server_id and s.epoch = c.epoch order by s.server_id
$$;
select orrery.server_request('plain', k, 't') from unnest(array['one', 'two']) k;
select is_empty(format('select * from pg_temp.changes(%L)', pg_temp.inventory('main', 'ready')), 'a start that is not reported is not missed');
select results_eq(format('select * from pg_temp.changes(%L)', pg_temp.inventory('main|one', 'ready')), $$values ('one', true)$$, 'one is ready');
select orrery_test.carry_out(:'a');
select results_eq(format('select * from pg_temp.changes(%L)', pg_temp.inventory('main|one', 'ready')), $$values ('two', false)$$, 'two has exited');
select is_empty(format('select * from pg_temp.changes(%L)', pg_temp.inventory('main|one|two', 'ready')), 'nothing new');
select * from finish();
rollback;

-- Catches players thrown out by a drain without a deadline, a service moved to nowhere, and a machine that is never empty.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
select orrery.server_kind_set('keep', '{"role":"other","command":"true"}', 't');
select orrery.server_request('grid', 'aldra-1', 't') ->> 'server_id' as grid, orrery.server_request('grid', 'velo-2', 't') ->> 'server_id' as empty,
  orrery.server_request('keep', '1', 't') ->> 'server_id' as keep \gset
select orrery_test.carry_out(:'a');
select orrery_test.account_made('t', 'pat') as pat \gset
insert into orrery.session (cluster, account_id, server_id, epoch, state, rule, state_at, opened_at)
values ('t', :pat, :grid, 1, 'selecting', 'test', now(), now()) returning session_id as s \gset
create function pg_temp.on_a() returns text language sql as $$
  select string_agg(s.kind || ' ' || s.key || ' ' || s.state, ', ' order by s.kind, s.key) from orrery.server s join orrery.agent a on a.agent_id = s.agent_id
  where a.name = 'agent-t' and s.state in ('starting', 'ready', 'stopping')
$$;
select orrery.tick_drains();
select is(pg_temp.on_a(), 'chat main ready, grid aldra-1 ready, grid velo-2 ready, keep 1 ready, login main ready', 'nothing drains, nothing is touched');
select orrery.agent_drain('agent-t');
select orrery.tick_drains();
select is(pg_temp.on_a(), 'chat main ready, grid aldra-1 ready, grid velo-2 stopping, keep 1 ready, login main ready',
  'what is empty stops; what has a player stays; what must run stays, there is no room for it elsewhere');
select is((select rule || ': ' || reason from orrery.server where server_id = :empty), 'agent_drain: its agent agent-t drains', 'and why');
select waits_for from orrery.agent_status where name = 'agent-t' \gset
select alike(:'waits_for'::text, '%chat main: an agent with room (%agent-t is draining%), since agent-t drains;%', 'the status says what the others wait for: room');
select alike(:'waits_for'::text, '%grid aldra-1: 1 player%', 'or players');
select orrery_test.carry_out(:'a');
select orrery_test.agent_up('b', '{"clusters":["t"]}') as b \gset
select orrery.tick_drains();
select is(pg_temp.on_a(), 'chat main stopping, grid aldra-1 ready, keep 1 stopping, login main stopping', 'with room elsewhere they move');
select is((select array_agg(s.kind || s.state || a.name order by s.kind) from orrery.placement p join orrery.server s on s.server_id = p.server_id join orrery.agent a on a.agent_id = s.agent_id
  where p.cluster = 't' and s.kind <> 'grid'), '{chatstartingb,keepstartingb,loginstartingb}', 'there, at once');
select orrery_test.carry_out(:'a'); select orrery_test.carry_out(:'b');
update orrery.session set state = 'ended', rule = 'test' where session_id = :s;
select orrery.tick_drains();
select orrery_test.carry_out(:'a');
select is(pg_temp.on_a(), null, 'when the last player has left it is empty');
select is((select drain from orrery.agent_status where name = 'agent-t'), 'drained', 'and says so');
select is((select state from orrery.cluster where cluster = 't'), 'running', 'the cluster runs on');
select * from finish();
rollback;

-- Catches a server that is started again though nobody wants it, or is not though it is wanted; a failure counted that was not its
-- own; and something kept of one that is over.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.server_kind_set(k.kind, '{"role":"other","command":"true","start_attempts_max":3}'::jsonb || k.spec::jsonb, 't')
from (values ('plain', '{}'), ('idle', '{"idle_stop_ms":60000}'), ('holds', '{"on_isolation":"hold"}'), ('always', '{"always_on_key":"1","idle_stop_ms":60000}')) k (kind, spec);
create function pg_temp.server(p_id bigint) returns orrery.server language sql as $$ select s from orrery.server s where s.server_id = p_id $$;
create function pg_temp.exits(p_id bigint, p_rule text) returns boolean language sql as $$
  select orrery.server_exited(p_id, (pg_temp.server(p_id)).epoch, p_rule, 'gone')
$$;
-- What becomes of a server of a kind, with key 1, that ran.
create function pg_temp.then_is(p_kind text, p_rule text, p_from text default 'ready') returns text language plpgsql as $$
declare
  v_id bigint := orrery_test.server_made('t', p_kind, '1', p_from);
begin
  perform pg_temp.exits(v_id, p_rule);
  return (pg_temp.server(v_id)).state;
end
$$;
create temp table rules (rule) as values ('agent_report'), ('agent_ended_server'), ('lease_over'), ('agent_inventory_compare'), ('tick_agents'), ('agent_fence');
select results_eq($$select k.kind, string_agg(r.rule, ' ' order by r.rule) filter (where pg_temp.then_is(k.kind, r.rule) = 'requested')
  from (values ('plain'), ('idle'), ('holds'), ('always')) k (kind), rules r group by k.kind order by k.kind$$,
  $$values ('always', 'agent_ended_server agent_fence agent_inventory_compare agent_report lease_over tick_agents'),
    ('holds', 'agent_ended_server agent_fence agent_inventory_compare lease_over tick_agents'), ('idle', null),
    ('plain', 'agent_fence lease_over tick_agents')$$,
  'one that nobody waits for is wanted again when it is always on, when its machine is gone or was cut off, or when it held and its agent has none');
select set_eq($$select pg_temp.then_is('idle', rule, 'starting') from rules$$, array['requested'], 'one that had not become ready is still wanted');
select set_eq($$select pg_temp.then_is('always', rule, 'stopping') from rules$$, array['stopped'], 'one that was told to stop is not');

-- over
select orrery_test.server_made('t', 'plain', 'over') as over \gset
update orrery.server set token = 'secret', pid = 4242, deadline_at = orrery.clock() where server_id = :over;
select pg_temp.exits(:over, 'agent_report');
select is((select server_id from orrery.placement where cluster = 't' and kind = 'plain' and key = 'over'), null, 'what is over owns its key no longer');
select is((select (token is null, token_hash is null, pid is null, deadline_at is null, try_at is null)::text from orrery.server where server_id = :over), '(t,t,t,t,t)', 'and has no secret left');
select count(*) as events from orrery.event \gset
select is(pg_temp.exits(:over, 'tick_agents'), false, 'it cannot be over twice');
select is((select count(*) from orrery.event), :events::bigint, 'which changes nothing');
select orrery_test.server_made('t', 'plain', 'again', 'starting') as again \gset
update orrery.server set token = 'secret' where server_id = :again;
select pg_temp.exits(:again, 'tick_agents');
select is((select (token is null, token_hash is null, agent_id is null)::text from orrery.server where server_id = :again), '(t,t,t)', 'nor has one that is started again');
select is(pg_temp.exits(:again, 'tick_agents'), false, 'which is not over before it is placed');

-- failures
create function pg_temp.wait_s(p_id bigint) returns numeric language sql as $$
  select round(extract(epoch from s.try_at - orrery.clock())) from orrery.server s where s.server_id = p_id
$$;
create function pg_temp.fails(p_rule text, p_from text default 'starting') returns bigint language plpgsql as $$
declare
  v_id bigint := orrery_test.server_made('t', 'plain', 'fails', p_from);
begin
  update orrery.server s set failures = 5 where s.server_id = v_id;
  update orrery.server s set state_at = orrery.clock() - interval '1 hour' where s.server_id = v_id;
  perform pg_temp.exits(v_id, p_rule);
  return v_id;
end
$$;
select pg_temp.fails('tick_agents') as lost, pg_temp.fails('agent_report') as own, pg_temp.fails('agent_fence', 'ready') as stable, pg_temp.fails('lease_over') as cut_off \gset
select is(format('%s %s, in %s s', (pg_temp.server(:lost)).state, (pg_temp.server(:lost)).failures, pg_temp.wait_s(:lost)), 'requested 5, in 1 s',
  'the loss of its machine gives none up, however often it failed, and lets it wait start_backoff_ms alone');
select is(format('%s %s, in %s s', (pg_temp.server(:cut_off)).state, (pg_temp.server(:cut_off)).failures, pg_temp.wait_s(:cut_off)), 'requested 5, in 0 s',
  'nor does the end of a lease, after which it is tried at once');
select is(format('%s %s', (pg_temp.server(:own)).state, (pg_temp.server(:own)).failures), 'failed 6', 'long is not well: one that was starting for an hour has a failure more');
select is((pg_temp.server(:stable)).failures, 0, 'one that was ready for an hour has a clean record');

-- players
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select is(orrery_test.selected(:login, :s, :e, :one) ->> 'status', 'ready', 'in play');
update orrery.server s set state = 'stopping', rule = 'test' where s.server_id = :grid;
select pg_temp.exits(:grid, 'agent_report');
select is((select n.state from orrery.session n where n.session_id = :s), 'ended', 'who played on a server that was told to stop is logged out');

-- while the cluster counts down
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = orrery.clock() + interval '1 hour' where cluster = 't';
select is(pg_temp.then_is('always', 'agent_report'), 'requested', 'a cluster that counts down still starts what dies');
select * from finish();
rollback;

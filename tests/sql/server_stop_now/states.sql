-- Catches a stop that is not carried out, waits for an agent that never began to start it, or leaves the key with who stops.
begin;
set local client_min_messages = warning;
select plan(21);
select orrery_test.agent_up('agent-t') as a \gset
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"run","stop_grace_ms":3000}', 't');
update orrery.cluster set state = 'starting', rule = 'test' where cluster = 't';
create function pg_temp.id(p_key text) returns bigint language sql as $$ select server_id from orrery.server where cluster = 't' and key = p_key $$;
create function pg_temp.stop(p_key text) returns text language sql as $$ select orrery.server_stop_now(pg_temp.id(p_key), 'not wanted', 'test_rule') $$;
create function pg_temp.server(p_key text) returns text language sql as $$ select format('%s: %s by %s', state, reason, rule) from orrery.server where cluster = 't' and key = p_key $$;
select orrery.server_request('plain', 'ready', 't'), orrery.server_request('plain', 'exits', 't');
select orrery_test.carry_out(:'a');
select orrery.server_request('plain', 'claimed', 't');
select orrery_test.beat(:'a');
select orrery.server_request('plain', 'unclaimed', 't');
select orrery_test.server_made('t', 'plain', 'requested', 'requested') as requested, orrery_test.server_made('t', 'plain', 'failed', 'requested') as failed \gset
update orrery.server set state = 'failed', rule = 'test' where server_id = :failed;

select is(pg_temp.stop('requested'), 'stopped', 'not placed yet: at once');
select is(pg_temp.server('requested'), 'stopped: not wanted by test_rule', 'and says why');
select is(pg_temp.stop('failed'), 'stopped', 'failed: at once');
select is(pg_temp.server('failed'), 'stopped: not wanted by test_rule', 'and is over');
select is(pg_temp.stop('unclaimed'), 'stopped', 'no agent has begun to start it: at once');
select is((select array_agg(verb || ' ' || state) from orrery.command where server_id = pg_temp.id('unclaimed')), '{start void}', 'the command is void');
select is((select count(*) from orrery.port where server_id = pg_temp.id('unclaimed')), 0::bigint, 'its ports are free');
select is((select token_hash from orrery.server where server_id = pg_temp.id('unclaimed')), null, 'its token is worth nothing');
select is(pg_temp.stop('claimed'), 'stopping', 'its agent starts it: it must be told');
select is((select array_agg(verb || ' ' || state order by command_id) from orrery.command where server_id = pg_temp.id('claimed')), '{"start claimed","stop pending"}', 'after the start');
select is(pg_temp.stop('ready'), 'stopping', 'it runs: it must be told');
select is(pg_temp.server('ready'), 'stopping: not wanted by test_rule', 'and says why');
select is((select payload from orrery.command where server_id = pg_temp.id('ready') and verb = 'stop'), '{"grace_ms":3000}', 'with its grace');
select cmp_ok((select abs(extract(epoch from deadline_at - orrery.clock()) - 8) from orrery.server where server_id = pg_temp.id('ready')), '<', 1::numeric, 'start_slack_ms beyond the agent''s');
select is((select count(*) from orrery.port where server_id = pg_temp.id('ready')), 2::bigint, 'it holds its ports until it has exited');
select is((select count(*) from orrery.placement where cluster = 't' and server_id is not null), 1::bigint, 'only who was not stopped owns its key');
select is(pg_temp.stop('ready'), 'stopping', 'again');
select is(pg_temp.stop('requested'), 'stopped', 'and again');
select is((select count(*) from orrery.command where verb = 'stop' and cluster = 't'), 2::bigint, 'does nothing');
select is((orrery.server_request('plain', 'ready', 't') ->> 'server_id')::bigint <> :requested, true, 'the key may be asked for anew');
select is((select count(*) from orrery.server where cluster = 't' and key = 'ready'), 2::bigint, 'by another server');
select * from finish();
rollback;

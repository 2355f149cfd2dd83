-- Catches commands that wait for ever, and a server given up or counted as failed since its agent never fetched its start.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery_test.agent_up('agent-t2', '{"public_address":"192.0.2.2"}') as b \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true","ready_deadline_ms":1000}', 't');
select server_id as chat from orrery.server where cluster = 't' and kind = 'chat' \gset
select orrery.command_add(:chat, 'tell', '{"tell":"sync"}', 'test') as unfetched \gset
select orrery_test.beat(:'a') is not null as fetched \gset
select orrery.command_add(:chat, 'tell', '{"tell":"sync"}', 'test') as second \gset
select orrery.server_request('plain', '1', 't') as r \gset
select (:'r'::jsonb ->> 'server_id')::bigint as id, (:'r'::jsonb ->> 'epoch')::bigint as epoch \gset
select agent_id as first from orrery.server where server_id = :id \gset
select command_id as start from orrery.command where server_id = :id and verb = 'start' \gset
create function pg_temp.command(p_id bigint) returns text language sql as $$ select state || coalesce(' by ' || nullif(rule, 'command_claim'), '') from orrery.command where command_id = p_id $$;
select orrery_test.clock_advance('5 s');
select orrery.tick_commands();
select is(pg_temp.command(:start), 'pending by placement_pick', 'not before its time');
select orrery_test.clock_advance('1.1 s');
select is((select count(*) from jsonb_array_elements(orrery.command_claim(:first)) c where (c ->> 'command_id')::bigint = :start), 0::bigint, 'what is late is not handed out any more');
select orrery.tick_commands();
select is(pg_temp.command(:start), 'expired by tick_commands', 'a start that nobody fetched expires');
select results_eq(format('select state, failures, rule, try_at <= orrery.clock(), epoch > %s, agent_id is null from orrery.server where server_id = %s', :epoch, :id),
  $$values ('requested', 0, 'tick_commands', true, true, true)$$, 'its server is planned anew at once, under a new epoch, and has not failed');
select matches((select reason from orrery.server where server_id = :id), '^agent-t2? did not fetch its start', 'and says why');
select is((select count(*) from orrery.port where server_id = :id), 0::bigint, 'its ports are free');
select is((select count(*) from orrery.event e where e.noun = 'command' and e.noun_id = :'start' and e.to_state = 'expired' and e.rule = 'tick_commands'), 1::bigint, 'one event tells');
select is(pg_temp.command(:unfetched), 'claimed', 'tells have their own time');
select orrery_test.clock_advance('25 s');
select orrery.tick_commands();
select is((select array_agg(pg_temp.command(c) order by c) from unnest(array[:unfetched, :second]::bigint[]) c), '{expired by tick_commands,expired by tick_commands}', 'tell_ttl_ms, fetched or not');
select orrery.command_done((:'a'::jsonb ->> 'agent_id')::bigint, :unfetched, true, null);
select is(pg_temp.command(:unfetched), 'expired by tick_commands', 'reported after that it stays as it is');

select orrery.server_stop(:chat);
select command_id as stop from orrery.command where server_id = :chat and verb = 'stop' \gset
select orrery_test.clock_advance('1 day');
select orrery.tick_commands();
select is(pg_temp.command(:stop), 'pending by server_stop', 'a stop does not expire');

-- fetched: its agent may have begun it
select orrery_test.beat(:'a'), orrery_test.beat(:'b');
select orrery.tick_servers();
select orrery_test.beat(:'a'), orrery_test.beat(:'b');
select epoch as again from orrery.server where server_id = :id \gset
select orrery_test.clock_advance('6 s');
select orrery.tick_commands();
select results_eq(format('select state, epoch = %s from orrery.server where server_id = %s', :again, :id), $$values ('starting', true)$$, 'one that was fetched is not planned anew on silence alone');
select * from finish();
rollback;

-- Catches a server that starts or stops for ever and is asked about once only, stops without number, and an agent that
-- never says what became of a start.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true","ready_deadline_ms":5000}', 't');
select orrery.server_request('plain', '1', 't') ->> 'server_id' as id \gset
create function pg_temp.stops() returns bigint language sql as $$ select count(*) from orrery.command c join orrery.server s using (server_id, epoch) where s.kind = 'plain' and c.verb = 'stop' $$;
create function pg_temp.told() returns bigint language sql as $$ select count(*) from orrery.event e join orrery.server s on e.noun = 'server' and e.noun_id = s.server_id::text where s.kind = 'plain' and e.rule = 'tick_servers' $$;
create function pg_temp.wait_s() returns numeric language sql as $$ select round(extract(epoch from s.deadline_at - orrery.clock())) from orrery.server s where s.kind = 'plain' $$;
-- Whether a tick after p_after asks the agent for its inventory; it answers that it runs the server.
create function pg_temp.asked(p_agent jsonb, p_after interval) returns boolean language plpgsql as $$
declare
  v_asked boolean;
begin
  perform orrery_test.clock_advance(p_after);
  perform orrery_test.beat(p_agent, null, '00');
  perform orrery.tick_commands(), orrery.tick_servers();
  v_asked := (orrery_test.beat(p_agent, null, '00') ->> 'want_inventory')::boolean;
  if v_asked then
    perform orrery_test.beat(p_agent, (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'starting'))
      from orrery.server s where s.cluster = 't' and s.agent_id is not null), '00');
  end if;
  return v_asked;
end
$$;
select orrery_test.beat(:'a', (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'starting')) from orrery.server s where s.cluster = 't'), '00');
select is(pg_temp.asked(:'a', '9 s'), null, 'not before its time');
select is(pg_temp.asked(:'a', '1.5 s'), true, 'late: asked');
select is(pg_temp.stops(), 1::bigint, 'and told to stop');
select ok(pg_temp.wait_s() between 10 and 12, 'the next wait is as long as all before');
select is(pg_temp.asked(:'a', '9 s'), null, 'which is kept');
select is(pg_temp.asked(:'a', '3 s'), true, 'then asked again');
select ok(pg_temp.wait_s() between 21 and 25, 'longer each time');
select is(pg_temp.asked(:'a', '26 s'), true, 'again');
select is(pg_temp.asked(:'a', '55 s'), true, 'and again');
select ok(pg_temp.wait_s() between 59 and 60, 'start_backoff_max_ms at most');
select pg_temp.told() as told \gset
select is(pg_temp.asked(:'a', '61 s'), true, 'for ever');
select is(pg_temp.asked(:'a', '61 s'), true, 'and ever');
select is(pg_temp.stops(), 1::bigint, 'the one stop is still on its way: no second');
select is(pg_temp.told(), :told::bigint, 'nor does it leave an event a minute');
select is((select count(*) from orrery.event e join orrery.command c on e.noun = 'command' and e.noun_id = c.command_id::text where c.server_id = :id and c.verb = 'stop'), 2::bigint,
  'handed out again and again it has its two events');
select cmp_ok((select c.attempts from orrery.command c where c.server_id = :id and c.verb = 'stop'), '>', 5, 'attempts are counted');
select is((select array_agg(state) from orrery.command where server_id = :id and verb = 'start'), '{void}', 'its start excuses it no more');
select orrery_test.report(:'a', (select jsonb_agg(jsonb_build_object('command_id', c.command_id, 'ok', false, 'error', 'no')) from orrery.command c where c.server_id = :id and c.verb = 'stop'));
select is(pg_temp.asked(:'a', '61 s'), true, 'when the stop failed');
select is(pg_temp.stops(), 2::bigint, 'it is told once more');
select orrery_test.beat(:'a', '[]', '01');
select results_eq(format('select state, failures from orrery.server where server_id = %s', :id), $$values ('requested', 0)$$, 'what its agent does not run is tried again');
select * from finish();
rollback;

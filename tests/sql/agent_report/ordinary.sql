-- Catches ordinary reports taken for stale ones, and reports that are doubled or in another order and change something twice.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as agent \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true","start_attempts_max":9}', 't');
select orrery.server_request('plain', k, 't') from unnest(array['ack-first', 'exit-first', 'acked']) k;
select orrery.server_request('grid', 'aldra-1', 't');
select orrery_test.carry_out(:'a') is not null as carried_out \gset
create function pg_temp.stale() returns bigint language sql as $$ select count(*) from orrery.event e where e.rule = 'agent_report_stale' $$;
create function pg_temp.server(p_key text) returns orrery.server language sql as $$ select s from orrery.server s where s.cluster = 't' and s.key = p_key $$;
create function pg_temp.ack(p_key text) returns jsonb language sql as $$
  select jsonb_build_object('command_id', max(c.command_id), 'ok', true) from orrery.command c where c.server_id = (pg_temp.server(p_key)).server_id and c.verb = 'stop'
$$;
create function pg_temp.exited(p_key text, p_epoch bigint default null) returns jsonb language sql as $$
  select jsonb_build_object('server_id', s.server_id, 'epoch', coalesce(p_epoch, s.epoch), 'state', 'exited', 'reason', 'exit status 0') from pg_temp.server(p_key) s
$$;
select orrery.server_stop((pg_temp.server(k)).server_id) from unnest(array['ack-first', 'exit-first', 'acked']) k;
select orrery_test.beat(:'a') is not null as told \gset
select jsonb_build_array(pg_temp.ack('ack-first'), pg_temp.exited('ack-first')) as one, jsonb_build_array(pg_temp.exited('exit-first'), pg_temp.ack('exit-first')) as two \gset
select orrery_test.report(:'a', :'one'), orrery_test.report(:'a', :'two');
select is((select array_agg((pg_temp.server(k)).state) from unnest(array['ack-first', 'exit-first']) k), '{stopped,stopped}', 'either order stops it');
select count(*) as events from orrery.event \gset
select orrery_test.report(:'a', :'one'), orrery_test.report(:'a', :'two');
select orrery_test.report(:'a', jsonb_build_array(pg_temp.ack('ack-first')));
select is((select count(*) from orrery.event), :events::bigint, 'said again it changes nothing and leaves no event');
select is(pg_temp.stale(), 0::bigint, 'none of it is stale');

select orrery_test.beat(:'a', (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', s.state)) from orrery.server s where s.cluster = 't' and s.state in ('ready', 'stopping'))) is not null as known \gset
select is(orrery_test.beat(:'a') ->> 'want_inventory', null, 'both agree');
select orrery_test.report(:'a', jsonb_build_array(pg_temp.ack('acked')));
select is((pg_temp.server('acked')).state, 'stopping', 'a stop acknowledged without an exit is none');
select is(orrery_test.beat(:'a') ->> 'want_inventory', 'true', 'but its agent is asked what it runs');
select orrery_test.beat(:'a', (select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'ready')) from orrery.server s where s.cluster = 't' and s.state = 'ready'), '01') is not null as gone \gset
select is((pg_temp.server('acked')).state, 'stopped', 'and the inventory tells');

-- a crash, told twice in one batch, again, and once more when the next start runs
select (pg_temp.server('aldra-1')).epoch as e1 \gset
insert into orrery.session (cluster, account_id, character_id, server_id, epoch, state, rule, state_at, opened_at)
select 't', a, orrery.character_create('pat', 'One', 'grid', 'aldra-1', 't'), (pg_temp.server('aldra-1')).server_id, 1, 'selecting', 'test', now(), now()
from orrery_test.account_made('t', 'pat') a returning session_id as s \gset
update orrery.session set state = 'playing' where session_id = :s;
select jsonb_build_array(pg_temp.exited('aldra-1'), pg_temp.exited('aldra-1')) as crash \gset
select orrery_test.report(:'a', :'crash'), orrery_test.report(:'a', :'crash');
select (pg_temp.server('aldra-1')).epoch as e2 \gset
select is((select reason from pg_temp.server('aldra-1')), 'exit status 0; tried again in 1.0 s', 'why, without what a terminal would obey');
select results_eq($$select state, failures from pg_temp.server('aldra-1')$$, $$values ('requested', 1)$$, 'a crash told four times is one failure');
select cmp_ok(:e2::bigint, '>', :e1::bigint, 'under a new epoch');
select is((select count(*) from orrery.event e where e.noun = 'server' and e.noun_id = (pg_temp.server('aldra-1')).server_id::text and e.to_state = 'requested' and e.from_state <> 'none'), 1::bigint, 'planned anew once');
select orrery_test.clock_advance('2 s');
select orrery_test.beat(:'a'), orrery.tick();
select orrery_test.carry_out(:'a') is not null as carried_out \gset
select orrery_test.report(:'a', :'crash'), orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', (pg_temp.server('aldra-1')).server_id, 'epoch', :e1, 'state', 'ready')));
select results_eq($$select state, failures, epoch from pg_temp.server('aldra-1')$$, format($$values ('ready', 1, %s::bigint)$$, :e2), 'what an earlier start says does not touch the present one');
select is((select count(*) from orrery.port where server_id = (pg_temp.server('aldra-1')).server_id), 2::bigint, 'nor its ports');
select is(pg_temp.stale(), 6::bigint, 'events tell of late reports');
select * from finish();
rollback;

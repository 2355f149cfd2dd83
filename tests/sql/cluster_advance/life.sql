-- Catches a cluster that is called running too early, stops before its deadline, or is never stopped.
begin;
set local client_min_messages = warning;
select plan(18);
select orrery_test.agent_up('agent-t') as a \gset
select orrery.cluster_create('t');
select orrery.server_kind_set('plain', '{"role":"other","command":"true","start_attempts_max":1}', 't');
select orrery.cluster_advance('t');
select is(orrery_test.cluster_state(), 'stopped', 'stopped stays stopped');
select orrery.cluster_start('t');
select orrery.cluster_advance('t');
select is(orrery_test.cluster_state(), 'starting', 'not before its servers are ready');
select orrery_test.carry_out(:'a');
select is((select state || ': ' || reason from orrery.cluster where cluster = 't'), 'running: its always-on servers are ready', 'running when they are');
select orrery.server_request('plain', k, 't') from unnest(array['bad', 'up']) k;
select orrery.server_exited(s.server_id, s.epoch, 'test', 'exit status 1') from orrery.server s where s.cluster = 't' and s.key = 'bad';
select orrery_test.carry_out(:'a');
update orrery.agent set state = 'lost', rule = 'test' where name = 'agent-t';
select orrery.server_request('plain', 'waits', 't') ->> 'state' as state \gset
select is(:'state'::text, 'requested', 'one waits to be placed');
update orrery.agent set state = 'up', rule = 'test' where name = 'agent-t';
update orrery.cluster set state = 'shutting_down', rule = 'test', shutdown_at = orrery.clock() + interval '10 s' where cluster = 't';
select orrery.cluster_advance('t');
select is(orrery_test.cluster_state(), 'shutting_down', 'not before its deadline');
select orrery_test.clock_advance('11 s');
select orrery.cluster_advance('t');
select is((select state || ': ' || reason from orrery.cluster where cluster = 't'), 'stopping: its deadline has passed', 'then it stops');
select results_eq($$select key, state from orrery.server where cluster = 't' and kind = 'plain' order by key$$,
  $$values ('bad', 'stopped'), ('up', 'stopping'), ('waits', 'stopped')$$, 'what runs is told, the rest is over');
select is((select array_agg(distinct state) from orrery.server where cluster = 't' and kind in ('login', 'chat')), '{stopping}', 'always on or not');
select is((select count(*) from orrery.command c where c.cluster = 't' and c.verb = 'stop' and c.state = 'pending'), 3::bigint, 'a stop for each that runs');
select orrery.cluster_advance('t');
select is((select count(*) from orrery.command c where c.cluster = 't' and c.verb = 'stop'), 3::bigint, 'once');
select is(orrery_test.cluster_state(), 'stopping', 'not stopped while one is left');
select orrery.command_add(s.server_id, 'tell', '{"tell":"sync"}', 'test') from orrery.server s where s.cluster = 't' and s.key = 'up';
select orrery.server_exited(s.server_id, s.epoch, 'test', 'exit status 0') from orrery.server s where s.cluster = 't' and s.state = 'stopping' order by s.server_id;
select orrery.cluster_advance('t');
select is((select state || ': ' || reason from orrery.cluster where cluster = 't'), 'stopped: no server is left', 'the last one ends it');
select is((select shutdown_at from orrery.cluster where cluster = 't'), null, 'no deadline stays');
select is((select array_agg(distinct state) from orrery.server where cluster = 't'), '{stopped}', 'no server is left');
select is((select count(*) from orrery.command c where c.cluster = 't' and c.state in ('pending', 'claimed')), 0::bigint, 'no command');
select is((select count(*) from orrery.port p where p.cluster = 't' and p.server_id is not null), 0::bigint, 'no port');
select is((select count(*) from orrery.placement p where p.cluster = 't' and p.server_id is not null), 0::bigint, 'and nobody owns a key');
select lives_ok($$select orrery.cluster_advance('no such')$$, 'an unknown one is nothing');
select * from finish();
rollback;

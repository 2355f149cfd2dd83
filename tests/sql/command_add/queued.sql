-- Catches a command for an epoch that is over, for no agent, or one that nobody is woken for.
begin;
set local client_min_messages = warning;
select plan(8);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'chat', 'main') as up, orrery_test.server_made('t', 'login', 'main', 'requested') as waits \gset
select orrery.command_add(:up, 'tell', '{"tell":"sync"}', 'test') as id \gset
select is((select (c.cluster, c.agent_id, c.server_id, c.epoch, c.verb, c.payload, c.state, c.rule)::text from orrery.command c where c.command_id = :id),
  (select ('t'::text, s.agent_id, s.server_id, s.epoch, 'tell'::text, '{"tell": "sync"}'::jsonb, 'pending'::text, 'test'::text)::text from orrery.server s where s.server_id = :up),
  'pending, for its agent, under its present epoch');
select is((select count(*) from orrery.event e where e.noun = 'command' and e.noun_id = :'id' and e.to_state = 'pending'), 1::bigint, 'with an event');
select is(current_setting('orrery.rung', true), 'yes', 'its agent is rung');
select orrery.command_add(:up, 'stop', null, 'test') as stop \gset
select is((select payload from orrery.command where command_id = :stop), '{}', 'nothing to say is {}');
update orrery.server set deadline_at = orrery.clock() + interval '7 s' where server_id = :up;
select orrery.command_add(:up, 'start', null, 'test') as start \gset
select results_eq(format('select verb, round(extract(epoch from expires_at - orrery.clock())) from orrery.command where cluster = ''t'' order by command_id'),
  $$values ('tell', 30::numeric), ('stop', null), ('start', 7)$$, 'a tell expires after tell_ttl_ms, a start at its server''s deadline, a stop never');
delete from orrery.command where command_id = :start;
select is(orrery.command_add(:waits, 'stop', '{}', 'test'), null, 'one that no agent runs');
select is(orrery.command_add(-1, 'stop', '{}', 'test'), null, 'an unknown one');
select is((select count(*) from orrery.command where cluster = 't'), 2::bigint, 'make none');
select * from finish();
rollback;

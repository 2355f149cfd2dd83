-- Catches a change of state that transition does not hold, and one without an event.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select throws_ok($$update orrery.cluster set state = 'running', rule = 'test' where cluster = 't'$$, 'OR009', null, 'stopped to running');
select throws_ok($$insert into orrery.cluster (cluster, state, state_at, created_at, login_port) values ('v', 'running', now(), now(), 1999)$$, 'OR009', null, 'born running');
update orrery.cluster set state = 'starting', rule = 'test', reason = 'why not' where cluster = 't';
select results_eq($$select from_state, to_state, rule, reason from orrery.event where noun = 'cluster' and noun_id = 't' and to_state is not null order by event_id$$,
  $$values ('none', 'stopped', 'cluster_create', null), ('stopped', 'starting', 'test', 'why not')$$, 'each change is an event');
update orrery.cluster set state_at = '-infinity' where cluster = 't';
update orrery.cluster set state = 'running' where cluster = 't';
select ok((select state_at > now() - interval '1 minute' from orrery.cluster where cluster = 't'), 'and is dated');
select is((select array_agg(c.relname::text order by c.relname) from pg_trigger g join pg_class c on c.oid = g.tgrelid where g.tgname = 'state_guard'),
  '{agent,allocation,cluster,command,server,session}', 'on every table with states');
select * from finish();
rollback;

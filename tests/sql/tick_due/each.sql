-- Catches work that waits for the second to end since the look between two seconds does not see it.
begin;
set local client_min_messages = warning;
select no_plan();
delete from orrery.timer;
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('plain', '{"role":"other","command":"true"}', 't');
create function pg_temp.due() returns text[] language sql as $$ select steps from orrery.tick_due() $$;
create function pg_temp.due_in() returns text language sql as $$
  select format('%s, in %s s', steps, round(extract(epoch from due_at - orrery.clock()))) from orrery.tick_due()
$$;
select is(pg_temp.due_in(), '{}, in  s', 'nothing to do');
select orrery.server_request('plain', '1', 't') ->> 'server_id' as id \gset
select is(pg_temp.due_in(), '{doorbell}, in 15 s', 'a command that is not fetched, until it expires');
select orrery_test.clock_advance('16 s');
select is(pg_temp.due(), '{commands,servers,doorbell}', 'in vain');
select orrery.tick_commands();
select is(pg_temp.due(), '{servers}', 'a server to be placed');
select orrery_test.beat(:'a');
select orrery.tick_servers();
select orrery_test.beat(:'a') is not null as fetched \gset
select is(pg_temp.due_in(), '{}, in 15 s', 'one that starts, until it is late');
select orrery_test.clock_advance('16 s');
select is(pg_temp.due(), '{servers}', 'and is late');
update orrery.server set deadline_at = null;
select orrery.timer_kind_set('skill_training', 'space.skill_training_fire', 'as installed');
select orrery.timer_schedule('skill_training', 'x', orrery.clock() + interval '10 s', '{}', 't');
select is(pg_temp.due_in(), '{}, in 10 s', 'when a timer is due');
select orrery.cluster_shutdown(5, 't');
select is(pg_temp.due_in(), '{}, in 5 s', 'or a cluster''s deadline');
select orrery_test.clock_advance('11 s');
select is(pg_temp.due(), '{timers,clusters}', 'then they are');
-- while a server of it does not end
delete from orrery.timer;
select orrery.tick_clusters();
update orrery.server set deadline_at = null where cluster = 't';
delete from orrery.command where cluster = 't';
select is((select state from orrery.cluster where cluster = 't'), 'stopping', 'it stops');
select is((select due_at from orrery.tick_due() where due_at < orrery.clock()), null, 'a deadline that has passed is nothing to be awake for');
select * from finish();
rollback;

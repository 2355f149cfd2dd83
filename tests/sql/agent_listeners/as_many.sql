-- Catches more listeners than may be, a bell that nobody hears after listeners were lost, and a tick that writes for nothing.
begin;
set local client_min_messages = warning;
select no_plan();
update orrery.agent set state = 'stopped', rule = 'test' where state = 'up';
update orrery.agent set listens = false;
select orrery.setting_set('listeners_max', 2);
select orrery_test.agent_up('agent-' || n) ->> 'agent_id' from generate_series(1, 5) n order by n;
create function pg_temp.who() returns text language sql as $$ select string_agg(name, ' ' order by name) from orrery.agent where listens $$;
select is(pg_temp.who(), 'agent-1 agent-2', 'those that came first');
update orrery.agent set state = 'lost', rule = 'test' where name = 'agent-1';
select orrery.agent_listeners();
select is(pg_temp.who(), 'agent-2 agent-3', 'another takes the place of one that is lost');
update orrery.agent set state = 'stopped', rule = 'test' where name = 'agent-2';
select orrery.agent_listeners();
select is(pg_temp.who(), 'agent-3 agent-4', 'or stopped');
select orrery.setting_set('listeners_max', 1);
select orrery.agent_listeners();
select is(pg_temp.who(), 'agent-3', 'one too many stops listening');
select orrery.setting_set('listeners_max', 64);
select orrery.agent_listeners();
select is(pg_temp.who(), 'agent-3 agent-4 agent-5', 'there is room for all that are up');
select xmin::text || ctid as row from orrery.agent where name = 'agent-3' \gset
select orrery.agent_listeners();
select is((select xmin::text || ctid from orrery.agent where name = 'agent-3'), :'row'::text, 'nothing is written when all is well');
select * from finish();
rollback;

-- Catches servers believed for ever to run on an agent that has stopped, one judged though it left nothing behind, a tick that
-- judges without knowing how long it ticked, and a server that holds given away although its machine may be starting it.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select orrery.server_kind_set('keep', '{"role":"other","command":"true","on_isolation":"hold"}', 't');
create function pg_temp.agent(p_name text) returns text language sql as $$ select state from orrery.agent where name = p_name $$;
create function pg_temp.server(p_id bigint) returns text language sql as $$ select state from orrery.server where server_id = p_id $$;
select orrery.server_request('keep', '1', 't') ->> 'server_id' as fetched, orrery.server_request('keep', '2', 't') ->> 'server_id' as told \gset
-- both are fetched; the agent's next process has not fetched them again, and there is more to tell the second
select orrery_test.beat(:'a') is not null as fetched_both \gset
update orrery.command c set state = 'done', rule = 'test' where c.server_id = :told and c.verb = 'start';
select orrery_test.agent_up('agent-t') as a \gset
select orrery.command_add(:told, 'tell', '{"tell":"sync"}', 'test');
select orrery_test.agent_up('gone') as gone \gset
select orrery_test.report(:'gone', '[{"state":"stopping"}]');
select orrery_test.clock_advance('21 s');
select orrery.tick_agents(null);
select is(pg_temp.agent('agent-t'), 'up', 'nobody is judged by a tick that does not know since when it ticks');
select orrery.tick_agents(orrery.clock() - interval '1 hour');
select is(pg_temp.agent('agent-t'), 'lost', 'lost');
select is(pg_temp.server(:fetched), 'starting', 'a start that was handed out once may be carried out, though it waits to be handed out again');
select is(pg_temp.server(:told), 'starting', 'so may one that is done, whatever else waits');
select is(pg_temp.agent('gone'), 'stopped', 'one that stopped and left nothing is not lost');

-- stopped, and not all that it ran was accounted for
select orrery_test.cluster_up('u', '{"clusters":["u"]}') as u \gset
select orrery_test.report(:'u', '[{"state":"stopping"}]');
select orrery_test.clock_advance('21 s');
select orrery.tick_agents(orrery.clock() - interval '1 hour');
select is(pg_temp.agent('agent-u'), 'lost', 'one that stopped without a word of its servers is');
select set_eq($$select state from orrery.server where cluster = 'u'$$, array['requested'], 'and they are wanted elsewhere');
select * from finish();
rollback;

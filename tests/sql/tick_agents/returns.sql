-- Catches a lost agent whose late word changes what was decided without it, and one whose servers held and are lost all the same.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
select orrery.server_kind_set('keep', '{"role":"other","command":"true","on_isolation":"hold"}', 't');
select orrery.server_request('keep', '1', 't') ->> 'server_id' as keep, orrery.server_request('grid', 'aldra-1', 't') ->> 'server_id' as begun \gset
select orrery_test.carry_out(:'a');
-- two more starts: one handed out, one not
select orrery.server_request('keep', '2', 't') ->> 'server_id' as fetched \gset
select orrery_test.beat(:'a') \gset
select orrery.server_request('keep', '3', 't') ->> 'server_id' as unfetched \gset
select server_id as login, epoch as login_epoch from orrery.server where cluster = 't' and kind = 'login' \gset
select epoch as keep_epoch from orrery.server where server_id = :keep \gset
select epoch as fetched_epoch from orrery.server where server_id = :fetched \gset
select jsonb_agg(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', s.state)) as inventory
from orrery.server s where s.cluster = 't' and s.state in ('ready', 'starting') and s.server_id <> :unfetched \gset
select orrery_test.clock_advance('21 s');
select orrery.tick_agents(orrery.clock() - interval '1 hour');
select is((select state from orrery.agent where name = 'agent-t'), 'lost', 'lost');
select is((select listens from orrery.agent where name = 'agent-t'), true, 'it is known as a listener until the next second');
select is((select state from orrery.server where server_id = :keep), 'ready', 'what holds stays');
select is((select state from orrery.server where server_id = :fetched), 'starting', 'so does what may have been started there');
select is((select state || ' by ' || rule from orrery.server where server_id = :unfetched), 'requested by tick_agents', 'what cannot have been is planned anew');
select orrery_test.agent_up('b', '{"clusters":["t"]}') as b \gset
select orrery_test.clock_advance('2 s'); select orrery_test.beat(:'b'); select orrery.tick();
select is((select listens from orrery.agent where name = 'agent-t'), false, 'a lost one listens no more');
select orrery_test.carry_out(:'b');
select is((select array_agg(distinct a.name) from orrery.server s join orrery.agent a using (agent_id) where s.cluster = 't' and s.server_id not in (:keep, :fetched) and s.state = 'ready'), '{b}', 'the others run elsewhere');
create temp table elsewhere as select s.server_id, s.state, s.epoch, s.agent_id from orrery.server s join orrery.agent a using (agent_id) where a.name = 'b';
-- it returns: first what it noted before it is heard, then its inventory
select orrery_test.report(:'a', jsonb_build_array(
  jsonb_build_object('server_id', :login, 'epoch', :login_epoch, 'state', 'exited', 'reason', 'its lease ended', 'by_agent', true),
  jsonb_build_object('server_id', :login, 'epoch', :login_epoch, 'state', 'ready', 'pid', 1)));
select is((select count(*) from orrery.event where rule = 'agent_report_stale' and noun = 'agent' and noun_id = :'a'::jsonb ->> 'agent_id'), 2::bigint, 'reports under old epochs are noted');
select orrery_test.beat(:'a') as answer \gset
select is(:'answer'::jsonb ->> 'want_inventory', 'true', 'it is asked what it runs');
select orrery_test.beat(:'a', :'inventory') as answer \gset
select is((select array_agg((u ->> 'server_id')::bigint order by u -> 'server_id') from jsonb_array_elements(:'answer'::jsonb -> 'unknown') u),
  (select array_agg(s.server_id order by s.server_id) from orrery.server s where s.cluster = 't' and s.server_id in (select (i ->> 'server_id')::bigint from jsonb_array_elements(:'inventory'::jsonb) i) and s.server_id not in (:keep, :fetched)),
  'and must stop what was given to others');
select is((select count(*) from orrery.server s join elsewhere using (server_id, state, epoch, agent_id)), (select count(*) from elsewhere), 'which go on undisturbed');
select is((select state || epoch from orrery.server where server_id = :keep), 'ready' || :'keep_epoch', 'what held is as it was');
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', :fetched, 'epoch', :fetched_epoch, 'state', 'ready', 'pid', 1)));
select is((select state || epoch from orrery.server where server_id = :fetched), 'ready' || :'fetched_epoch', 'what was being started there goes on');
select is((select state from orrery.agent where name = 'agent-t'), 'up', 'up');
select * from finish();
rollback;

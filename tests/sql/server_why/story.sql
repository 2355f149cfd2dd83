-- Catches a story that leaves out who asked, why there, what happened or what is awaited; or that another cluster may read.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t', '{"clusters":["t"]}') as a \gset
select orrery.server_kind_set('hut', '{"role":"other","command":"true"}', 't');
select orrery.server_request('hut', '1', 't') ->> 'server_id' as id \gset
select orrery_test.carry_out(:'a');
select orrery_test.report(:'a', jsonb_build_array(jsonb_build_object('server_id', s.server_id, 'epoch', s.epoch, 'state', 'exited', 'reason', 'exit status 3')))
from orrery.server s where s.cluster = 't' and s.kind = 'login';
select server_id as login from orrery.server where cluster = 't' and kind = 'login' \gset
select is(array_agg(regexp_replace(w.words, '\d+ %', 'N %') order by n), array[
  'asked for: login main of t, for postgres (server_request)',
  'placed on an agent: starting on agent-t: the only agent: N % reserved (placement_pick)',
  'start command for agent-t: handed to the agent (command_claim)',
  'start command for agent-t: reported done (agent_report)',
  'reported READY (server_ready)',
  'exited or was lost, replaced: exit status 3; tried again in 1.0 s (agent_report)'], 'the story, oldest first')
from orrery.server_why(:login) with ordinality w(at, words, n) where w.words !~ '^now: ';
select matches((select w.words from orrery.server_why(:login) with ordinality w(at, words, n) order by n desc limit 1),
  '^now: login main is requested since .*: exit status 3; tried again in 1.0 s; waits for its next start in [01].\d s$', 'and what is now');
select orrery.server_stop(:id, 'not needed');
select orrery_test.carry_out(:'a');
select is((select array_agg(w.words order by n) from orrery.server_why(:id) with ordinality w(at, words, n) where w.words ~ 'not needed|stop command|exit status' and w.words !~ '^now'), array[
  'no longer wanted: not needed (server_stop)',
  'stop command for agent-t: handed to the agent (command_claim)',
  'stop command for agent-t: reported done (agent_report)',
  'reported exited: exit status 0 (agent_report)'], 'how it was stopped');
select matches((select w.words from orrery.server_why(:id) with ordinality w(at, words, n) order by n desc limit 1),
  '^now: hut 1 is stopped since .* exit status 0; waits for nothing; to have it again: SELECT server_request\(''hut'', ''1'', ''t''\)$', 'and how to have it again');
-- deleted
select orrery_test.clock_advance('2 hours'); select orrery.tick_purge();
select is((select count(*) from orrery.server where server_id = :id), 0::bigint, 'its row is deleted');
select matches((select string_agg(w.words, '; ' order by n) from orrery.server_why(:id) with ordinality w(at, words, n)),
  '^asked for: .*hut 1 of t.*starting on agent-t.*reported READY.*no longer wanted.*reported exited.*now: stopped since .*; its row is deleted$', 'its story is told from events');
-- who may ask
select is(orrery_test.refusal('select * from orrery.server_why(null)') ->> 'code', 'OR003', 'null');
select is(orrery_test.refusal('select * from orrery.server_why(-1)') ->> 'code', 'OR001', 'unknown');
create role orrery_test_t login in role orrery_viewer;
create role orrery_test_u login in role orrery_admin;
create role orrery_test_agent login in role orrery_agent;
select orrery.cluster_create('u');
select orrery.cluster_grant('t', 'orrery_test_t'), orrery.cluster_grant('u', 'orrery_test_u'), orrery.cluster_grant('*', 'orrery_test_agent');
select isnt(orrery_test.as_login('orrery_test_t', format('select count(*) from orrery.server_why(%s)', :login)), '0', 'a viewer of its cluster');
select is(orrery_test.as_login('orrery_test_u', format('select * from orrery.server_why(%s)', :login)), 'OR001', 'not another cluster''s login');
select is(orrery_test.as_login('orrery_test_u', format('select * from orrery.server_why(%s)', :id)), 'OR001', 'nor of what is deleted');
select is(orrery_test.as_login('orrery_test_agent', format('select * from orrery.server_why(%s)', :login)), '42501', 'no agent');
select is(orrery_test.as_login('orrery_test_t', 'select count(*) from orrery.server_status where waits_for is not null')::int
  + orrery_test.as_login('orrery_test_t', 'select count(*) from orrery.agent_status where waits_for is not null')::int > 0, true, 'the views say it to a viewer too');
select * from finish();
rollback;

-- Catches a cluster that runs before its servers are ready, or never.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery_test.agent_up('a') as a \gset
select orrery.cluster_start('t');
select is(orrery_test.cluster_state(), 'starting', 'starting');
select results_eq($$select kind, state, public_port from orrery.server where cluster = 't' order by kind$$,
  $$select k.kind, 'starting', k.public_port from orrery.server_kind k where k.cluster = 't' and k.always_on_key is not null order by 1$$,
  'login and chat start on their fixed ports');
select is(orrery_test.beat(:'a') -> 'commands' #>> '{0,spec,args}', '["--role", "chat"]', 'a start says what to run');
select is(length(orrery_test.beat(:'a') -> 'commands' #>> '{0,spec,token}'), null, 'claimed commands do not come again at once');
select orrery_test.clock_advance('4 s');
select orrery_test.carry_out(:'a') as commands \gset
select is(length(:'commands'::jsonb #>> '{0,spec,token}'), 64, 'but when they are not reported; a start carries the token');
select is(orrery_test.cluster_state(), 'running', 'runs when all are ready');
select is((select count(*) from orrery.server s where s.cluster = 't' and s.token is not null), 0::bigint, 'tokens are forgotten');
select is(jsonb_array_length(orrery_test.beat(:'a') -> 'commands'), 0, 'nothing is left to do');
select * from finish();
rollback;

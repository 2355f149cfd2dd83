-- Catches an agent that speaks for another, or goes on after a newer process registered under its name.
begin;
select plan(7);
select orrery_test.agent_up('agent-a') as a, orrery_test.agent_up('agent-b') as b \gset
select (:'a'::jsonb ->> 'agent_id')::bigint as a_id, :'a'::jsonb ->> 'token' as a_token, :'b'::jsonb ->> 'token' as b_token \gset
select is((orrery.agent_check(:a_id, :'a_token')).name, 'agent-a', 'its own token: its row');
select throws_ok(format('select orrery.agent_check(%s, %L)', :a_id, :'b_token'), 'OR004', 'agent agent-a: wrong token', 'the token of another');
select throws_ok(format('select orrery.agent_check(%s, null)', :a_id), 'OR004', null, 'no token');
select throws_ok(format('select orrery.agent_check(-1, %L)', :'a_token'), 'OR001', 'no agent -1', 'an unknown id');
select throws_ok(format('select orrery.agent_check(null, %L)', :'a_token'), 'OR001', 'no agent null', 'no id');
select orrery_test.agent_up('agent-a') ->> 'token' as newer \gset
select throws_ok(format('select orrery.agent_check(%s, %L)', :a_id, :'a_token'), 'OR004', null, 'a token from before it registered anew');
select is((orrery.agent_check(:a_id, :'newer')).agent_id, :a_id::bigint, 'the newer one');
select * from finish();
rollback;

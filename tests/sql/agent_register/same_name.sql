-- Catches a second agent under a name in use.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.agent_up('a') as a \gset
select orrery_test.refusal(format('select orrery_test.agent_up(''a'', p_identity => %L)', repeat('ab', 32))) as no \gset
select is(:'no'::jsonb ->> 'code', 'OR004', 'another identity is refused');
select matches(:'no'::jsonb ->> 'message', 'agent name a is held', 'clearly');
select orrery_test.refusal($$select orrery_test.agent_up('a', '{"boot_id":"boot-2"}')$$) as no \gset
select is(:'no'::jsonb ->> 'code', 'OR004', 'so is a clone while the first is heard of');
select lives_ok(format('select orrery_test.beat(%L)', :'a'), 'the first is not disturbed');
select orrery_test.clock_advance('16 s');
select lives_ok($$select orrery_test.agent_up('a', '{"boot_id":"boot-2"}')$$, 'after the lease the machine may have rebooted');
select is(orrery_test.refusal(format('select orrery_test.beat(%L)', :'a')) ->> 'code', 'OR004', 'the token of the first is void');
select is(orrery_test.refusal($$select orrery_test.agent_up('b', '{"port_min":0}')$$) ->> 'code', 'OR003', 'malformed: ports');
select is(orrery_test.refusal(format('select orrery_test.agent_up(''b'', %L)', jsonb_build_object('clusters', c))) ->> 'code', 'OR003', 'malformed: clusters ' || c::text)
from unnest(array['[[["t"]]]', '[["t"]]', '["t",null]', '[""]', '"t"']::jsonb[]) c;
select is(orrery_test.refusal($$select orrery_test.agent_up('b', '{"cpus":"many"}')$$) ->> 'code', 'OR003', 'malformed: cpus');
select is(orrery_test.refusal($$select orrery_test.agent_up('b', p_identity => 'short')$$) ->> 'code', 'OR003', 'malformed: identity');
select * from finish();
rollback;

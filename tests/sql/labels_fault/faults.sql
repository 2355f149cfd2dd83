-- Catches labels that no agent can have, and a good one refused.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.labels_fault(l::jsonb), null, l) from (values ('{}'), ('{"region":"eu"}'), ('{"a.b/c-d_e":"x y"}'), ('{"a":"1","b":"2"}')) v (l);
select isnt(orrery.labels_fault(l::jsonb), null, l) from (values ('null'), ('[]'), ('1'), ('{"":"x"}'), ('{"a":""}'), ('{"a":1}'), ('{"a":null}'), ('{"a":{}}'),
  ('{"-a":"x"}'), ('{"a b":"x"}'), ('{"a":"x\ny"}')) v (l);
select isnt(orrery.labels_fault(null), null, 'none at all');
select isnt(orrery.labels_fault((select jsonb_object_agg('l' || n, 'x') from generate_series(1, 33) n)), null, 'too many');
select isnt(orrery.labels_fault(jsonb_build_object('a', repeat('x', 64))), null, 'too long');
select matches(orrery.labels_fault('{"a b":"x"}'), '^Label a b="x" is none: .*1 to 63 characters', 'what one is, is said');
select is(orrery_test.refusal($$select orrery_test.agent_up('l', '{"labels":{"a":1}}')$$) ->> 'code', 'OR003', 'an agent with such');
select is(orrery_test.refusal($$select orrery_test.agent_up('l', '{"servers_max":-1}')$$) ->> 'code', 'OR003', 'or with fewer servers than none');
select orrery_test.agent_up('l', '{"labels":{"a":"1"},"servers_max":7}') is not null as up \gset
select is((select (labels, servers_max)::text from orrery.agent where name = 'l'), ('{"a": "1"}'::jsonb, 7)::text, 'one with good ones');
select * from finish();
rollback;

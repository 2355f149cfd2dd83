-- Catches a misspelt member that is silently dropped, and a kind half set.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery.server_kind_set('dud', '{"role":"other","command":"x","args":["a","b c"],"env":{"A":"1"},"cpu_millis":7}', 't');
select row_eq($$select role, command, args, env, cpu_millis, memory_bytes from orrery.server_kind where cluster = 't' and kind = 'dud'$$,
  row('other'::text, 'x'::text, '{a,"b c"}'::text[], '{"A":"1"}'::jsonb, 7, 67108864::bigint), 'set, the others by default');
select orrery.server_kind_set('dud', '{"command":"y"}', 't');
select row_eq($$select command, cpu_millis from orrery.server_kind where cluster = 't' and kind = 'dud'$$, row('y'::text, 7), 'only what is named changes');
select is(orrery_test.refusal($$select orrery.server_kind_set('dud', '{"comand":"x"}', 't')$$) ->> 'code', 'OR003', 'unknown member');
select is(orrery_test.refusal($$select orrery.server_kind_set('dud', '{"cpu_millis":-1}', 't')$$) ->> 'code', 'OR003', 'out of range');
select is(orrery_test.refusal($$select orrery.server_kind_set('dud', '{"cpu_millis":"x"}', 't')$$) ->> 'code', 'OR003', 'no number');
select is(orrery_test.refusal($$select orrery.server_kind_set('dud', '{"cluster":"u"}', 't')$$) ->> 'code', 'OR003', 'another cluster');
select is(orrery_test.refusal(format('select orrery.server_kind_set(''dud'', %L, ''t'')', spec)) ->> 'code', 'OR003', 'malformed: ' || left(spec, 40))
from unnest(array['{"args":["a",null]}', '{"args":[["a"]]}', '{"args":[1]}', '{"args":null}', '{"args":"a"}', '{"env":[]}', '{"env":"A=1"}', '{"env":{"A":1}}', '{"env":{"A":null}}', '{"env":{"":"1"}}',
  '{"always_on_key":""}', '{"always_on_key":"a\nb"}', '{"always_on_key":"' || repeat('x', 201) || '"}']) spec;
select is(orrery_test.refusal($$select orrery.server_kind_set('Bad', '{}', 't')$$) - 'hint',
  '{"code":"OR003","message":"a kind cannot be named ''Bad''","detail":"A name is 1 to 32 of a-z 0-9 _ -, a letter first."}', 'bad name');
select is(orrery_test.refusal(format('select orrery.server_kind_set(%L, ''{"command":"x"}'', ''t'')', name)) ->> 'code', 'OR003', 'name ' || to_jsonb(name)::text)
from unnest(array['', 'a b', '1a', '-a', repeat('a', 33), 'ä', E'a\n']) name;
select is(orrery_test.refusal(format('select orrery.server_kind_set(''big'', %L, ''t'')', jsonb_build_object('role', 'other', 'command', 'true', m, v))) ->> 'code', 'OR003', 'too large: ' || m)
from (values ('args', jsonb_build_array(repeat('x', 70000))), ('env', jsonb_build_object('X', repeat('x', 70000)))) x(m, v);
select * from finish();
rollback;

-- Catches a fleet that could never be, and one that changes nothing it was not told to.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.server_kind_set('arena', '{"command":"arena"}', 't');
select orrery.server_kind_set('other', '{"command":"other"}', 't');
create function pg_temp.code(p_spec text, p_fleet text default 'f') returns text language sql as $$
  select orrery_test.refusal(format('select orrery.fleet_set(%L, %L, ''t'')', p_fleet, p_spec)) ->> 'code'
$$;
select is(pg_temp.code('{"kind":"none","policy_args":{"size":1}}'), 'OR001', 'no such kind');
select is(pg_temp.code('{"policy_args":{"size":1}}'), 'OR001', 'no kind');
select is(pg_temp.code(s), 'OR003', s) from (values ('[]'), ('null'), ('{"kind":"arena"}'), ('{"kind":"arena","x":1}'), ('{"kind":"arena","fleet":"g"}'),
  ('{"kind":"arena","size":1}'), ('{"kind":"arena","policy_args":{"size":-1}}'), ('{"kind":"arena","policy_args":{"size":"many"}}'),
  ('{"kind":"arena","policy_args":{"size":null}}'), ('{"kind":"arena","policy_args":[]}'), ('{"kind":"arena","policy_args":null}'),
  ('{"kind":"arena","policy_args":{"size":1},"size_min":2,"size_max":1}'), ('{"kind":"arena","policy_args":{"size":1},"size_min":-1}'),
  ('{"kind":"arena","policy_args":{"size":1},"size_max":100001}'), ('{"kind":"arena","policy_args":{"size":1},"size_max":1e30}'),
  ('{"kind":"arena","policy_args":{"size":1},"size_max":null}'), ('{"kind":"arena","policy_args":{"size":1},"cooldown_ms":-1}'),
  ('{"kind":"arena","policy_args":{"size":1},"surge":0,"unavailable_max":0}'), ('{"kind":"arena","policy_args":{"size":1},"surge":-1}'),
  ('{"kind":"arena","policy":"orrery.fleet_buffer","policy_args":{}}'), ('{"kind":"arena","policy":"orrery.fleet_buffer","policy_args":{"buffer":"x"}}')) v (s);
select is(pg_temp.code('{"kind":"arena","policy_args":{"size":1}}', name), 'OR003', coalesce(name, 'null')) from (values (null), (''), ('A'), ('a b'), (repeat('a', 33))) v (name);
select is(orrery_test.refusal($$select orrery.fleet_set('a b', '{"kind":"arena","policy_args":{"size":1}}', 't')$$) - 'hint',
  '{"code":"OR003","message":"a fleet cannot be named ''a b''","detail":"A name is 1 to 32 of a-z 0-9 _ -, a letter first."}', 'what a name is, is said');
select is(pg_temp.code('{"kind":"arena","policy":"game.none"}'), 'OR001', 'no such policy');
select is(pg_temp.code('{"kind":"arena","policy":"orrery.clock"}'), 'OR001', 'no policy');
select is(pg_temp.code('{"kind":"arena","policy":"pg_catalog.jsonb_typeof"}'), 'OR003', 'nor one that would run with the rights of the control plane');
select is((select count(*) from orrery.fleet), 0::bigint, 'nothing was made');
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":3},"surge":2}', 't');
select is(pg_temp.code('{"kind":"other"}'), 'OR003', 'a fleet stays of its kind');
select orrery.fleet_set('f', '{"cooldown_ms":0}', 't');
select is((select (kind, policy, policy_args, size_max, surge, unavailable_max, cooldown_ms)::text from orrery.fleet where fleet = 'f'),
  ('arena'::text, 'orrery.fleet_fixed'::text, '{"size": 3}'::jsonb, 100, 2, 0, 0::bigint)::text, 'what is left out stays');
select is((select count(*) from orrery.event where noun = 'fleet' and rule = 'fleet_set'), 2::bigint, 'each is an event');
select orrery.fleet_set('b', '{"kind":"arena","policy":"orrery.fleet_buffer","policy_args":{"buffer":2}}', 't');
select is(orrery_test.refusal(format('select orrery.fleet_set(%L, %L, ''t'')', fleet, spec)) - 'message' - 'hint', jsonb_build_object('code', 'OR003', 'detail', says), spec)
from (values ('b', '{"policy_args":{"size":0}}', 'orrery.fleet_buffer has no argument size.'), ('b', '{"policy_args":{"buffer":2,"size":0}}', 'orrery.fleet_buffer has no argument size.'),
  ('f', '{"policy_args":{"size":1,"buffer":2}}', 'orrery.fleet_fixed has no argument buffer.'), ('f', '{"policy":"orrery.fleet_buffer"}', 'orrery.fleet_buffer has no argument size.')) v (fleet, spec, says);
select is((select policy_args from orrery.fleet where fleet = 'b'), '{"buffer": 2}', 'nothing was changed');
-- as another version may have left it
update orrery.fleet set policy_args = '{"size":3,"note":"x"}' where fleet = 'f';
select lives_ok($$select orrery.fleet_set('f', '{"surge":3}', 't')$$, 'what is not said anew is not judged anew');
select * from finish();
rollback;

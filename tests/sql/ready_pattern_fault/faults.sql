-- Catches a pattern that is refused only when a server is started, one that is read as another kind of expression than the agent reads, and
-- a good one refused.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.ready_pattern_fault(to_jsonb(p)), null, p) from (values ('^Serving HTTP on '), ('up'), (')'), ('a|b'), ('(ready|up) in [0-9]+ ms$'), ('[[:digit:]]{1,3}'),
  ('x{255}'), ('\\1'), ('\.'), ('[]a]'), (repeat('x', 1000)), ('(a)\\\\2'), ('é')) v (p);
select matches(orrery.ready_pattern_fault(to_jsonb(p)), says, p) from (values ('(', 'no POSIX extended regular expression: parentheses'), ('[', 'brackets'), ('*', 'quantifier'),
  ('a\', 'escape'), ('a{1', 'braces'), ('[z-a]', 'range'), ('[[:no:]]', 'class'), ('(?i)a', 'quantifier'), ('(?:a)', 'quantifier'), ('***=a', 'quantifier'), ('***:a', 'quantifier'),
  ('(a)\1', 'back-references'), ('(a)\\\2', 'back-references'), ('', '1 to 1000'), (repeat('x', 1001), '1 to 1000'), (repeat('é', 501), '1 to 1000'),
  ('((x{255}){255}){255}', 'too complex')) v (p, says);
select matches(orrery.ready_pattern_fault(p::jsonb), 'is a text', p) from (values ('1'), ('null'), ('[]'), ('{}')) v (p);
select orrery.cluster_create('t');
select is(orrery_test.refusal(format('select orrery.server_kind_set(''a'', %L, ''t'')', s)) - 'message' - 'hint', jsonb_build_object('code', 'OR003', 'detail', d), s)
from (values ('{"command":"x","ready_by":"output","ready_pattern":"("}', 'ready_pattern is no POSIX extended regular expression: parentheses () not balanced.'),
  ('{"command":"x","args":1,"ready_by":"output","ready_pattern":"x"}', 'args is an array of texts.')) v (s, d);
select lives_ok($$select orrery.server_kind_set('a', '{"command":"x","ready_by":"output","ready_pattern":"^up"}', 't')$$, 'a good one');
select lives_ok($$select orrery.server_kind_set('a', '{"ready_by":"notify","ready_pattern":null}', 't')$$, 'none again');
select * from finish();
rollback;

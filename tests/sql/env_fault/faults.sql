-- Catches a name that no environment can have, or that the agent's value would replace; and a good one refused.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.env_fault(e::jsonb), null, e) from (values ('{}'), ('{"A":""}'), ('{"a b.c":"x=y"}'), ('{"orrery_x":"1"}'), ('{"MY_ORRERY_KEY":"1"}'),
  ('{"NOTIFY_SOCKETS":"1"}'), ('{"WATCHDOG":"1"}'), ('{"PATH":"/bin","HOME":"/"}')) v (e);
select matches(orrery.env_fault(e::jsonb), says, e) from (values ('[]', 'an object of texts'), ('null', 'an object'), ('{"A":1}', 'texts'), ('{"A":null}', 'texts'),
  ('{"":"1"}', 'names that are not empty'), ('{"A=B":"1"}', '''A=B'' is no name'), ('{"=":"1"}', 'is no name'), ('{"ORRERY_KEY":"x"}', 'ORRERY_KEY is set by the agent'),
  ('{"ORRERY_":"x"}', 'set by the agent'), ('{"A":"1","NOTIFY_SOCKET":"/x"}', 'NOTIFY_SOCKET is set'), ('{"WATCHDOG_USEC":"1"}', 'WATCHDOG_USEC is set')) v (e, says);
select isnt(orrery.env_fault(null), null, 'none at all');
select orrery.cluster_create('t');
select matches(orrery_test.refusal($$select orrery.server_kind_set('a', '{"command":"x","env":{"A=B":"1"}}', 't')$$) ->> 'detail', 'is no name', 'a kind with such');
select matches(orrery_test.refusal($$select orrery.server_kind_set('a', '{"command":"x","env":{"A=B":"1"},"ready_by":"output","ready_pattern":"x"}', 't')$$) ->> 'detail',
  'is no name', 'whatever else is right');
select * from finish();
rollback;

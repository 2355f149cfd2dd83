-- Catches a status that does not say whose a server is, or still says so when it is given back.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
select orrery.server_kind_set('arena', '{"counters":{"players":8}}', 't');
select orrery_test.arenas_ready();
create function pg_temp.shown(p_key text) returns text language sql as $$
  select (s.fleet, s.allocations, s.counters, s.labels)::text from orrery.server_status s where s.cluster = 't' and s.key = p_key
$$;
select is(orrery.server_counted(s.server_id, s.epoch, '{"players":{"count":1,"capacity":8}}', '{"map":"dust"}'), null, 'it says what is on it')
from orrery.server s where s.cluster = 't' and s.key = 'f-2';
select is(pg_temp.shown('f-2'), ('f'::text, '{}'::text[], '{"players":{"count":1,"capacity":8}}'::jsonb, '{"map":"dust"}'::jsonb)::text, 'of a fleet, nobody''s');
select is(orrery_test.allocate('m 1', '{"labels":{"map":"dust"},"shared":true}'), 'ready f-2', 'taken');
select is(orrery_test.allocate('m2', '{"labels":{"map":"dust"},"shared":true,"counters":{"players":2}}'), 'ready f-2', 'shared');
select orrery.allocation_confirm('m2', 't');
select is(pg_temp.shown('f-2'), ('f'::text, '{m 1,m2}'::text[], '{"players":{"count":3,"capacity":8}}'::jsonb, '{"map":"dust"}'::jsonb)::text, 'who has it');
select orrery.allocation_release('m 1', p_cluster => 't');
select is((select allocations from orrery.server_status where cluster = 't' and key = 'f-2'), '{m2}', 'what is over is not shown');
select orrery.server_request('arena', 'alone', 't');
select is((select (fleet, allocations, labels)::text from orrery.server_status where cluster = 't' and key = 'alone'), (null::text, '{}'::text[], '{}'::jsonb)::text, 'one of no fleet');
select * from finish();
rollback;

-- Catches a server that is kept for whom it does not fit.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up(), orrery_test.arenas_ready();
create function pg_temp.fits(p_selector jsonb) returns boolean language sql as $$
  select orrery.allocation_fits(s, p_selector) from orrery.server s where s.cluster = 't' and s.key = 'f-2'
$$;
update orrery.server set labels = '{"map":"dm1"}', counters = '{"players":{"count":3,"capacity":4}}' where cluster = 't' and key = 'f-2';
update orrery.agent set labels = '{"region":"eu"}' where name = 'a';
select ok(pg_temp.fits(s::jsonb), s) from (values ('{}'), ('{"fleet":"f","kind":"arena"}'), ('{"labels":{"region":"eu","map":"dm1"}}'), ('{"counters":{"players":1}}')) v (s);
select ok(not pg_temp.fits(s::jsonb), s) from (values ('{"fleet":"g"}'), ('{"kind":"lobby"}'), ('{"labels":{"region":"us"}}'), ('{"counters":{"players":2}}'),
  ('{"counters":{"rooms":1}}')) v (s);
select ok(not orrery.allocation_fits(null, '{}'), 'none fits nobody');
select * from finish();
rollback;

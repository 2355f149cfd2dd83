-- Catches what the tick cannot do and does not tell, or tells without end.
begin;
set local client_min_messages = error;
select no_plan();
create function pg_temp.told() returns bigint language sql as $$ select count(*) from orrery.event e where e.noun = 'test' and e.rule = 'tick_failed' $$;
select orrery.tick_failed('test', '1', null, 'XX000', 'why', '{"detail":"more"}');
select is((select reason || ' ' || detail::text from orrery.event e where e.noun = 'test'), 'why {"code": "XX000", "detail": "more"}', 'told');
select orrery.tick_failed('test', '1', null, 'XX000', 'why', '{}');
select is(pg_temp.told(), 1::bigint, 'once');
select orrery.tick_failed('test', '2', null, 'XX000', 'why', '{}');
select orrery.cluster_create('t');
select orrery.tick_failed('test', '1', 't', 'XX000', 'why', '{}');
select is(pg_temp.told(), 3::bigint, 'each thing of each cluster');
select orrery_test.clock_advance('61 s');
select orrery.tick_failed('test', '1', null, 'XX000', 'why', '{}');
select is(pg_temp.told(), 4::bigint, 'and again after a minute');
select * from finish();
rollback;

-- Catches counters of an earlier start that are kept for the present one, and nonsense.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery_test.server_made('t', 'chat', 'main') as id \gset
select epoch from orrery.server where server_id = :id \gset
create function pg_temp.said(p_id bigint) returns text language sql as $$ select s.counters::text || ' ' || s.labels from orrery.server s where s.server_id = p_id $$;
select is(orrery.server_counted(:id, :epoch, '{"players":{"count":3,"capacity":16}}'), null, 'taken');
select is(pg_temp.said(:id), '{"players": {"count": 3, "capacity": 16}} {}', 'and kept');
select is(orrery.server_counted(:id, :epoch, '{"rooms":{"capacity":2}}', '{"map":"dm1"}'), null, 'more of it');
select is(pg_temp.said(:id), '{"rooms": {"count": 0, "capacity": 2}, "players": {"count": 3, "capacity": 16}} {"map": "dm1"}', 'what is left out stays');
select is(orrery.server_counted(:id, :epoch - 1, '{"players":{"count":9}}'), null, 'of an earlier start it is nothing new');
select is(pg_temp.said(:id), '{"rooms": {"count": 0, "capacity": 2}, "players": {"count": 3, "capacity": 16}} {"map": "dm1"}', 'and changes nothing');
select is(orrery.server_counted(:id, :epoch, '{}'), null, 'nothing said');
select isnt(orrery.server_counted(:id, :epoch, c::jsonb), null, coalesce(c, 'null')) from (values ('[]'), (null), ('{"players":1}'), ('{"players":{"count":-1}}')) v (c);
select isnt(orrery.server_counted(:id, :epoch, (select jsonb_object_agg('c' || n, '{"count":1}'::jsonb) from generate_series(1, 15) n)), null, 'too many, with those of before');
select matches(orrery.server_counted(:id, :epoch, '{}', '{"map":1}'), 'Label map=1 is none', 'labels that are none');
select is(pg_temp.said(:id), '{"rooms": {"count": 0, "capacity": 2}, "players": {"count": 3, "capacity": 16}} {"map": "dm1"}', 'nothing changes');
select matches(orrery.server_counted(:id, :epoch, '{"p":1}'), '^Counter p: 1 is none: .*"count","capacity"', 'what a counter is, is said');
select * from finish();
rollback;

-- Catches a server that says nonsense of itself, or speaks for another.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
select orrery_test.server_made('t', 'chat', 'main') as id \gset
create function pg_temp.say(p_id bigint, p_counters jsonb, p_labels jsonb default null) returns text language plpgsql as $$
begin
  return orrery_test.refusal(format('select orrery.server_counters_set(%s, %L, %L)', orrery_test.me(p_id), p_counters, p_labels)) ->> 'code';
end
$$;
create function pg_temp.said(p_id bigint) returns text language sql as $$ select s.counters::text || ' ' || s.labels from orrery.server s where s.server_id = p_id $$;
select is(pg_temp.say(:id, '{"players":{"count":3,"capacity":16}}'), null, 'taken');
select is(pg_temp.said(:id), '{"players": {"count": 3, "capacity": 16}} {}', 'how many there are');
select is(pg_temp.say(:id, '{"players":{"count":4},"rooms":{"capacity":2}}', '{"map":"dm1"}'), null, 'taken');
select is(pg_temp.said(:id), '{"rooms": {"count": 0, "capacity": 2}, "players": {"count": 4, "capacity": 16}} {"map": "dm1"}', 'what is left out stays');
select is(pg_temp.say(:id, c::jsonb), 'OR003', c) from (values ('[]'), ('null'), ('{"players":1}'), ('{"Players":{"count":1}}'), ('{"players":{"count":-1}}'),
  ('{"players":{"count":"1"}}'), ('{"players":{"sum":1}}'), ('{"players":{"count":null}}')) v (c);
select is(pg_temp.say(:id, '{}', '{"map":1}'), 'OR003', 'labels that are none');
select is(pg_temp.said(:id), '{"rooms": {"count": 0, "capacity": 2}, "players": {"count": 4, "capacity": 16}} {"map": "dm1"}', 'nothing changes');
select * from finish();
rollback;

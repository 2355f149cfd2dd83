-- Catches requests that are served out of turn.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
update orrery.agent set servers_max = 1 where name = 'a';
select orrery.server_request('arena', n::text, 't') ->> 'server_id' as id from generate_series(1, 3) n;
create function pg_temp.waits() returns text language sql as $$
  select string_agg(key, ' ' order by key) from orrery.server s where s.cluster = 't' and orrery.server_waits_for_room(s.server_id)
$$;
select is((select string_agg(key || ' ' || state, ', ' order by key) from orrery.server where cluster = 't' and kind = 'arena'), '1 starting, 2 requested, 3 requested', 'one place');
update orrery.server set try_at = orrery.clock() where cluster = 't' and state = 'requested';
select orrery.tick_servers();
select is(pg_temp.waits(), '2 3', 'the others wait for room');
update orrery.agent set servers_max = 2 where name = 'a';
select orrery.server_request('arena', '4', 't') ->> 'server_id' as id;
select is((select string_agg(key || ' ' || state, ', ' order by key) from orrery.server where cluster = 't' and kind = 'arena'),
  '1 starting, 2 requested, 3 requested, 4 requested', 'who asks later does not come first');
update orrery.server set try_at = orrery.clock() - case key when '2' then interval '1 second' else interval '2 seconds' end where cluster = 't' and state = 'requested';
select orrery.tick_servers();
select is((select string_agg(key || ' ' || state, ', ' order by key) from orrery.server where cluster = 't' and kind = 'arena'),
  '1 starting, 2 starting, 3 requested, 4 requested', 'who asked first does');
select is((select count(*) from orrery.server where cluster = 't' and state = 'requested' and try_at <= orrery.clock()), 0::bigint, 'and none keeps the tick awake');
select * from finish();
rollback;

-- Catches two servers of one key, and more than were asked for.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":0}}', 't');
select orrery.server_request('arena', 'f-2', 't') ->> 'state' as state \gset
select orrery.fleet_grow(f, 3) from orrery.fleet f;
select is((select string_agg(key, ' ' order by key) from orrery.server where fleet = 'f'), 'f-1 f-3 f-4', 'a key that somebody asked for is his');
select orrery.fleet_grow(f, 1) from orrery.fleet f;
select is((select string_agg(key, ' ' order by key) from orrery.server where fleet = 'f'), 'f-1 f-3 f-4 f-5', 'another');
select is((select count(*) from orrery.placement p join orrery.server s on s.server_id = p.server_id and s.epoch = p.epoch where s.fleet = 'f'), 4::bigint, 'each owns its key');
-- one that still stops may run for a while
select orrery.tick_servers(), orrery_test.all_ready();
select orrery.server_stop_now(s.server_id, 'test', 'test') from orrery.server s where s.fleet = 'f' and s.key = 'f-1';
select orrery.fleet_grow(f, 1) from orrery.fleet f;
select is((select string_agg(key || ' ' || state, ', ' order by server_id) from orrery.server where fleet = 'f' and key in ('f-1', 'f-6')), 'f-1 stopping, f-6 requested', 'the key of one that still stops is not used');
select orrery_test.all_gone();
select orrery.fleet_grow(f, 1) from orrery.fleet f;
select is((select string_agg(key || ' ' || state, ', ' order by server_id) from orrery.server where fleet = 'f' and key = 'f-1'), 'f-1 stopped, f-1 requested', 'until it has');
select * from finish();
rollback;

-- Catches a purge that takes as long as there is much to delete, or leaves the rest for a minute; and what is never deleted.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_up('t') as a \gset
select server_id as chat from orrery.server where cluster = 't' and kind = 'chat' \gset
select orrery.command_add(:chat, 'tell', '{}', 'test') from generate_series(1, 250) n;
select orrery_test.clock_advance('31 s');
select orrery.tick_commands();
insert into orrery.event (recorded_at, noun, noun_id, rule) values (clock_timestamp() - interval '91 days', 'test', 'old', 'test'), (clock_timestamp() - interval '80 days', 'test', 'young', 'test');
select is((select count(*) from orrery.event_default where noun = 'test'), 2::bigint, 'of days that no partition is there for');
select orrery_test.clock_advance('3601 s');
update orrery.setting set value = 100 where name = 'purge_rows_max';
select count(*) as before from orrery.command \gset
select ok(orrery.tick_purge() <= orrery.clock(), 'more is due');
select is((select count(*) from orrery.command), :before::bigint - 100, 'so many at once');
select is((select noun_id from orrery.event_default where noun = 'test'), 'young', 'events that no partition took are kept as long as others');
select ok(orrery.tick_purge() is not null and orrery.tick_purge() is null, 'null when nothing is left');
select is((select count(*) from orrery.command where state = 'expired'), 0::bigint, 'expired commands go too');
select * from finish();
rollback;

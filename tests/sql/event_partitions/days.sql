-- Catches events in no partition of their day, and history dropped early or kept for ever.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.clock_advance('40 days');
insert into orrery.event (recorded_at, noun, noun_id, rule) values (orrery.clock() + interval '1 day', 'test', '1', 'test');
select orrery.event_partitions();
select is((select count(*) from pg_inherits where inhparent = 'orrery.event'::regclass and inhrelid::regclass::text ~ to_char(orrery.clock() + interval '14 days', 'YYYYMMDD')), 1::bigint, 'made ahead');
select is((select tableoid::regclass::text from orrery.event where noun = 'test'), 'orrery.event_' || to_char(orrery.clock() at time zone 'UTC' + interval '1 day', 'YYYYMMDD'), 'what the default caught is moved');
select lives_ok('select orrery.event_partitions()', 'again');
update orrery.setting set value = 2 where name = 'event_days_kept';
select orrery_test.clock_advance('10 days');
create function pg_temp.days() returns bigint language sql as $$ select count(*) from pg_inherits where inhparent = 'orrery.event'::regclass $$;
select pg_temp.days() as before \gset
select orrery.event_partitions();
-- ten days later ten are made
select is(pg_temp.days(), :before::bigint + 10 - 7, 'seven at once');
select orrery.event_partitions() from generate_series(1, 6);
select is((select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid where inhparent = 'orrery.event'::regclass
  and relname ~ '\d{8}$' and relname < 'event_' || to_char(orrery.clock() at time zone 'UTC' - interval '2 days', 'YYYYMMDD')), 0::bigint, 'old ones are dropped');
select is((select count(*) from orrery.event where noun = 'test'), 0::bigint, 'with what they held');
select * from finish();
rollback;

-- Catches an attempt that is not counted, one too many that is let in, or a limit that never ends.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t');
-- that some time passes between two statements must not matter
select orrery.setting_set('login_address_per_minute', 1);
create function pg_temp.seconds(bigint[]) returns bigint[] language sql as $$ select array_agg(ceil(m / 1000.0) order by n) from unnest($1) with ordinality u (m, n) $$;
select is(orrery.login_charge('t', 'account', array_fill('pat'::text, array[9])), array_fill(0::bigint, array[9]), 'nine at once');
select is(pg_temp.seconds(orrery.login_charge('t', 'account', array['pat', 'kim', 'pat', null, 'pat'])), array[0, 0, 10, 0, 20]::bigint[], 'the tenth is the last, others have their own, none is not counted');
select is((select round(level) from orrery.login_limit where bucket = (orrery.login_buckets('t', 'account', array['pat']))[1]), 10::float8, 'who is not let in fills nothing');
select orrery_test.clock_advance('9.5 s');
select cmp_ok((orrery.login_charge('t', 'account', array['pat']))[1], '>', 0::bigint, 'six a minute: not after 9.5 s');
select orrery_test.clock_advance('0.6 s');
select is((orrery.login_charge('t', 'account', array['pat']))[1], 0::bigint, 'one after ten');
select cmp_ok((orrery.login_charge('t', 'account', array['pat']))[1], '>', 9000::bigint, 'and no more');
select orrery_test.clock_advance('1 h');
select is(pg_temp.seconds(orrery.login_charge('t', 'account', array_fill('pat'::text, array[11]))), array_fill(0::bigint, array[10]) || 10::bigint, 'an hour later ten again, not more');
select orrery_test.clock_advance('-2 h');
select cmp_ok((orrery.login_charge('t', 'account', array['pat']))[1], '>', 0::bigint, 'a clock that is put back empties nothing');
select is(orrery.login_charge('t', 'address', array_fill('192.0.2.9'::text, array[200])), array_fill(0::bigint, array[200]), 'an address has two hundred');
select is(pg_temp.seconds(orrery.login_charge('t', 'address', array['192.0.2.9'])), array[60]::bigint[], 'and one a minute, as the setting says');
select is((select count(*) from orrery.login_limit), 3::bigint, 'a row a bucket');
select is((select relpersistence from pg_class where oid = 'orrery.login_limit'::regclass), 'p', 'which a crash does not empty');
select * from finish();
rollback;

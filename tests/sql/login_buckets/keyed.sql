-- Catches a bucket that who knows the hash can choose, or that is none.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery.cluster_create('t'), orrery.cluster_create('u');
select is(orrery.login_buckets('t', 'account', array['pat', null, 'pat']) , array[b, null, b], 'the same for the same') from (select (orrery.login_buckets('t', 'account', array['pat']))[1] as b) x;
select ok(bool_and(b between 0 and 65535), 'in range') from unnest(orrery.login_buckets('t', 'account', array(select n::text from generate_series(1, 1000) n))) b;
select cmp_ok(count(distinct b), '>', 950::bigint, 'spread') from unnest(orrery.login_buckets('t', 'account', array(select n::text from generate_series(1, 1000) n))) b;
select isnt(orrery.login_buckets('t', 'account', array['a', 'b', 'c']), orrery.login_buckets('u', 'account', array['a', 'b', 'c']), 'other ones in another cluster');
select isnt(orrery.login_buckets('t', 'account', array['a', 'b', 'c']), orrery.login_buckets('t', 'address', array['a', 'b', 'c']), 'and in another scope');
select * from finish();
rollback;

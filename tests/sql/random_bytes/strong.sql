-- Catches bytes of the wrong number, or the same ones twice (a stable or seeded source).
begin;
select plan(5);
select is(length(orrery.random_bytes(32)), 32, 'as many as asked for');
select is((select count(distinct orrery.random_bytes(16)) from generate_series(1, 1000)), 1000::bigint, 'never the same');
select setseed(0.5);
select orrery.random_bytes(16) as a \gset
select setseed(0.5);
select isnt(orrery.random_bytes(16), :'a'::bytea, 'not by the seed of random()');
-- Each bit of 8000 bytes is set 4000 times, give or take 10 standard deviations (45).
select is((select count(*) from generate_series(0, 7) bit where (
    select abs(sum(get_bit(b.bytes, bit + 8 * n)) - 4000) from (select string_agg(orrery.random_bytes(1000), '') as bytes from generate_series(1, 8)) b,
      generate_series(0, 7999) n) > 450), 0::bigint, 'each bit as often set as not');
select is(orrery.random_bytes(null), null, 'null');
select * from finish();
rollback;

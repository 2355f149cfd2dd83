-- Catches a derivation that differs from docs/control.md: the values were computed from that page alone, with Python's hmac.
begin;
select plan(6);
create function pg_temp.root(p_id bigint, p_epoch bigint) returns text language sql as $$
  select encode(orrery.link_root('\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', p_id, p_epoch), 'hex')
$$;
select is(pg_temp.root(3, 4294967297), '86defc31eb17946ddb003037a4eb0af8d565a486880b21232533548ab2538f10', 'of server 3');
select is(pg_temp.root(3, 4294967298), '51abac5aef98db12fb90f7f148d8b91508dd10749571b399fda7c1c217851c61', 'of its next start');
select is(pg_temp.root(4, 4294967297), '99a16cca3a18d0ec0341c7c1911dd66c06e6277b5a3ec7dc59cab520c6328cf6', 'of server 4');
select is(pg_temp.root(9223372036854775807, 9223372036854775807), '4d6bc13b6a199345a4bf92464ffc0f638f1d2bb4bb0872be301009695f079718', 'of the highest numbers');
select isnt(orrery.link_root('\x00', 3, 1), orrery.link_root('\x01', 3, 1), 'of another cluster');
select is(orrery.link_root(null, 3, 1), null, 'of none without a secret');
select * from finish();
rollback;

-- Catches a derivation that differs from docs/control.md: the values were computed from that page alone, with Python's hmac.
begin;
select no_plan();
select is(encode(orrery.link_root('\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 3, 4294967297), 'hex'),
  '86defc31eb17946ddb003037a4eb0af8d565a486880b21232533548ab2538f10', 'root of server 3');
select is(encode(orrery.link_key(orrery.link_root('\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 3, 4294967297), 9, 4294967299), 'hex'),
  '9c95d39877ad5245be7ac0bc196b0903fd1a40d5e93989458266fe1ba25bc71b', 'from server 9 to server 3');
select * from finish();
rollback;

-- Catches a public key that is not that of its private key (RFC 7748).
begin;
set local client_min_messages = warning;
select no_plan();
-- made by openssl genpkey -algorithm X25519
select is(encode(orrery.x25519_public(decode(k[1], 'hex')), 'hex'), k[2], left(k[1], 8)) from (values
  (array['c01559e93f2a441bde877c4d442fa84ebf2dea4ac0bd24ba1d8986664137cb7d', '3b35a27135653d8e54788fedb17a53caf78fa6ad4c681c67a34674aced55a362']),
  (array['a02ba0fc11824db3134fb038da6670099aa354390257c486e323091517e91766', '4c6c3a2bf12ae2e5f61109b19bf50338c0370d1e1dd22ac3c4814e9ea2016260']),
  (array['28e876c1803e1bcd2feb5ec2328910691e3374063db223d33ee38f37ec892b6a', 'e5a4f6859ed1eaa9fe6bb6d7d4ffaceb2010a56d983c8f6290d7ba8107255b62'])) v (k);
select is(orrery.x25519_public(null), null, 'null');
select * from finish();
rollback;

-- Catches key and data swapped, or another algorithm: test cases 1, 2 and 6 of RFC 4231.
begin;
select plan(4);
select is(encode(orrery.hmac_sha256('Hi There', decode(repeat('0b', 20), 'hex')), 'hex'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7', 'case 1');
select is(encode(orrery.hmac_sha256('what do ya want for nothing?', 'Jefe'), 'hex'), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', 'case 2');
select is(encode(orrery.hmac_sha256('Test Using Larger Than Block-Size Key - Hash Key First', decode(repeat('aa', 131), 'hex')), 'hex'),
  '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54', 'case 6, a key longer than a block');
select is(orrery.hmac_sha256('x', null), null, 'no key, no code');
select * from finish();
rollback;

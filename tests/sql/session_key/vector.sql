-- Catches a derivation that differs from docs/control.md: the value was computed from that page alone, with Python's hmac.
begin;
select no_plan();
select is(encode(orrery.session_key('\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 7, 3, 4294967297), 'hex'),
  'c6d70875a49d88743b0c38e0f35255beb4ecc223ed32f2f4fe716db6a6181f51', 'K of session 7 at server 3, epoch 2^32 + 1');
select * from finish();
rollback;

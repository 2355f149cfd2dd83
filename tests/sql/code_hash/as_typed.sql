-- Catches a one-time code that its owner types as it was read, and that is not taken for the same; or another that is.
begin;
select plan(9);
select is(encode(orrery.code_hash('AB12CD34'), 'hex'), '668c072603bbc3a89b6e2a67f878e29dbe33c020984d4928eda299e7cebe0adb', 'SHA-256 of its letters and digits, by Python''s hashlib');
select is(orrery.code_hash(typed), orrery.code_hash('AB12CD34'), format('typed as %L', typed)) from unnest(array['ab12cd34', 'AB12-CD34', ' ab12 cd34 ', E'AB12CD34\n']) typed;
select isnt(orrery.code_hash('AB12CD35'), orrery.code_hash('AB12CD34'), 'another is another');
select isnt(orrery.code_hash('AB12CD3'), orrery.code_hash('AB12CD34'), 'so is one that is cut');
select isnt(orrery.code_hash(''), orrery.code_hash('AB12CD34'), 'and none');
select is(orrery.code_hash(null), null, 'null is no code');
select * from finish();
rollback;

-- Catches codes that can be guessed or misread.
begin;
set local client_min_messages = warning;
select no_plan();
select ok(bool_and(orrery.code_make() ~ '^([A-HJ-NP-Z2-9]{4}-){3}[A-HJ-NP-Z2-9]{4}$'), 'sixteen letters that are not mistaken for others') from generate_series(1, 500);
select is(count(distinct orrery.code_make()), 500::bigint, 'no two alike') from generate_series(1, 500);
select * from finish();
rollback;

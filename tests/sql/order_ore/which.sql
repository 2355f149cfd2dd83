-- Catches ore that does not exist.
begin;
select no_plan();
select is(space.order_ore('{"ore":"cobalt"}'), 'cobalt', 'an ore');
select throws_ok(format('select space.order_ore(%L)', a), 'OR001', null, a) from unnest(array['{}', '{"ore":null}', '{"ore":"gold"}', '{"ore":7}', '{"ore":["cobalt"]}']) a;
select is(orrery_test.refusal('select space.order_ore(''{"ore":"gold"}'')') ->> 'hint', 'There are cobalt, ferrite, iridium.', 'which there are');
select * from finish();
rollback;

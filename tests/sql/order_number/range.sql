-- Catches a number of a player's that is out of its range, or none.
begin;
select no_plan();
select is(space.order_number('{"units":100}', 'units', 1, 100), 100::bigint, 'the most');
select is(space.order_number('{}', 'units', 1, 100), null, 'none');
select is(space.order_number('{"units":null}', 'units', 1, 100), null, 'null is none');
select throws_ok(format('select space.order_number(%L, ''units'', 1, 100)', a), 'OR003', 'units is a whole number between 1 and 100', a)
from unnest(array['{"units":0}', '{"units":101}', '{"units":-1}', '{"units":1.5}', '{"units":"7"}', '{"units":[1]}', '{"units":99999999999999999999}', '{"units":true}']) a;
select * from finish();
rollback;

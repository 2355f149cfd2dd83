-- Catches a fixed size that is not.
begin;
set local client_min_messages = warning;
select no_plan();
select is(orrery.fleet_fixed('{"allocated":7,"args":{"size":3}}'), 3::bigint, 'as it was said');
select is(orrery.fleet_fixed('{"args":{}}'), null, 'nothing said');
select * from finish();
rollback;

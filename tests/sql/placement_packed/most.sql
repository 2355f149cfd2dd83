-- Catches a policy that touches an empty machine while another has room.
begin;
set local client_min_messages = warning;
select no_plan();
select cmp_ok(orrery.placement_packed('{}', '{"reserved":0.2,"cpu":0.9}'), '>', orrery.placement_packed('{}', '{"reserved":0.1,"cpu":0.1}'), 'the most is reserved');
select cmp_ok(orrery.placement_packed('{}', '{"reserved":0.1,"cpu":0.1}'), '>', orrery.placement_packed('{}', '{"reserved":0.1,"cpu":0.9}'), 'of two alike the less busy');
select * from finish();
rollback;

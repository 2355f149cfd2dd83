-- Catches a what-if of a policy that changes something, or is not what would be.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.arenas_up();
create function orrery_test.forty(p_fleet jsonb) returns bigint language sql security definer as $$ select 40::bigint $$;
select orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":3},"size_max":10}', 't');
select is((select (size, fault)::text from orrery.fleet_try('f', null, null, 't')), '(3,)', 'its own');
select is((select (size, fault)::text from orrery.fleet_try('f', null, '{"size":7}', 't')), '(7,)', 'with other arguments');
select is((select (size, fault)::text from orrery.fleet_try('f', 'orrery_test.forty', null, 't')), '(10,)', 'another, within the bounds');
select matches((select fault from orrery.fleet_try('f', 'orrery.fleet_fixed', '{}', 't')), 'answered null', 'nonsense');
select is((select (policy, policy_args)::text from orrery.fleet where fleet = 'f'), ('orrery.fleet_fixed'::text, '{"size": 3}'::jsonb)::text, 'nothing changes');
select throws_ok($$select orrery.fleet_try('none', null, null, 't')$$, 'OR001', null, 'no such fleet');
select throws_ok($$select orrery.fleet_try('f', 'orrery_test.none', null, 't')$$, 'OR001', null, 'no such policy');
select throws_ok($$select orrery.fleet_try('f', null, '[]', 't')$$, 'OR003', null, 'arguments that no fleet may have');
select ok(length((select fault from orrery.fleet_try('f', 'orrery.fleet_fixed', jsonb_build_object('size', repeat('x', 60000)), 't'))) < 1000, 'in few words');
select * from finish();
rollback;

-- Catches a fleet of another cluster.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t'), orrery_test.cluster_running('u');
select orrery.server_kind_set('arena', '{"command":"arena"}', c), orrery.fleet_set('f', '{"kind":"arena","policy_args":{"size":1}}', c) from unnest(array['t', 'u']) c;
select is((orrery.fleet_named('f', 'u', 'x(%L)', true)).cluster, 'u', 'the one of this cluster');
select is(orrery_test.refusal($$select orrery.fleet_named('f', null, 'x(%L)', true)$$) ->> 'code', 'OR005', 'which cluster?');
select is(orrery_test.refusal($$select orrery.fleet_named('g', 't', 'x(%L)', true)$$) ->> 'detail', 'It has: f.', 'no such fleet');
select * from finish();
rollback;

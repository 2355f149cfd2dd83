-- Catches a kind that loses what its specification does not say, or takes what does not fit.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.server_kind_set('arena', '{"role":"other","command":"/opt/arena","args":["-x"],"sessions_max":8}', 't');
select is((select (role, command, args, sessions_max, stop_grace_ms, idle_stop_ms)::text from orrery.server_kind where cluster = 't' and kind = 'arena'), '(other,/opt/arena,{-x},8,5000,)', 'set, the rest by default');
select orrery.server_kind_set('arena', '{"sessions_max":9}', 't');
select is((select (role, command, args, sessions_max)::text from orrery.server_kind where cluster = 't' and kind = 'arena'), '(other,/opt/arena,{-x},9)', 'changed, the rest kept');
select throws_ok('select orrery.server_kind_set(''arena'', ''{"sesions_max":9}'', ''t'')', 'OR003', null, 'unknown member');
select throws_ok('select orrery.server_kind_set(''arena'', ''{"kind":"x"}'', ''t'')', 'OR003', null, 'its name is not a member');
select throws_ok('select orrery.server_kind_set(''arena'', ''{"sessions_max":-1}'', ''t'')', 'OR003', null, 'out of range');
select throws_ok('select orrery.server_kind_set(''arena'', ''{"sessions_max":"many"}'', ''t'')', 'OR003', null, 'no number');
select throws_ok('select orrery.server_kind_set(''new'', ''{"command":"x"}'', ''t'')', 'OR003', null, 'no role');
select throws_ok('select orrery.server_kind_set(''arena'', ''{"world_function":"space.nothing"}'', ''t'')', 'OR001', null, 'no such world function');
select throws_ok('select orrery.server_kind_set(''arena'', null, ''t'')', 'OR003', null, 'null');
select throws_ok('select orrery.server_kind_set(null, ''{}'', ''t'')', 'OR003', null, 'no name');
select * from finish();
rollback;

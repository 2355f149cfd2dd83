-- Catches a server that speaks for another, or under an epoch that is over.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'login', 'main', 'starting') as login,
  orrery_test.server_made('t', 'chat', 'main', 'requested') as waiting \gset
select epoch as e from orrery.server where server_id = :grid \gset
select is((orrery.server_identity(:grid, :e, orrery_test.token_of(:grid))).key, 'aldra-1', 'its row');
select lives_ok(format('select orrery.server_identity(%s, ''login'')', orrery_test.me(:login)), 'a server that is starting is known');
select throws_ok(format('select orrery.server_identity(%s, %s, %L)', :grid, :e, orrery_test.token_of(:login)), 'OR004', null, 'token of another');
select throws_ok(format('select orrery.server_identity(%s, %s, ''x'')', -1, :e), 'OR004', null, 'unknown server');
select throws_ok(format('select orrery.server_identity(%s, %s, %L)', :grid, :e + 1, orrery_test.token_of(:grid)), 'OR004', null, 'an epoch that never was');
select throws_ok(format('select orrery.server_identity(%s, %s, %L)', :grid, :e - 1, orrery_test.token_of(:grid)), 'OR007', null, 'an older epoch');
select throws_ok(format('select orrery.server_identity(%s)', orrery_test.me(:waiting)), 'OR004', null,
  'one that is only asked for: what runs under that epoch was placed after the backup that this is');
select throws_ok(format('select orrery.server_identity(%s, null, ''x'')', :grid), 'OR003', null, 'null');
select throws_ok(format('select orrery.server_identity(%s, ''login'')', orrery_test.me(:grid)), 'OR004', null, 'a call of another role');
select orrery_test.me(:grid) as was \gset
update orrery.server set state = 'stopping', rule = 'test' where server_id = :grid;
update orrery.server set state = 'stopped', rule = 'test' where server_id = :grid;
select throws_ok(format('select orrery.server_identity(%s)', :'was'), 'OR007', null, 'a server that does not run');
select * from finish();
rollback;

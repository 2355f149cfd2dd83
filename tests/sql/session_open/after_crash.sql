-- Catches a player who is locked out because the server of his last session died.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Ann', 'grid', 'aldra-1', 't') as ann \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e from orrery_test.opened(:login, :pat) a \gset
select orrery_test.selected(:login, :s, :e, :ann);
select is((select state from orrery.session where session_id = :s), 'playing', 'in play');
select orrery.server_exited(:grid, (select epoch from orrery.server where server_id = :grid), 'test', 'signal 9');
select lives_ok(format('select orrery_test.opened(%s, %s)', :login, :pat), 'again, its server dead');
select is((select state || ': ' || reason from orrery.session where session_id = :s), 'ended: superseded: logged in again after its server died', 'the old one is over');
select is((select count(*)::int from orrery.session where account_id = :pat and state <> 'ended'), 1, 'one is left');
select is((select array_agg(root is null) from orrery.session_secret where session_id = :s), array[true], 'and its root is gone');
select * from finish();
rollback;

-- Catches news that are kept for ever, or purged before a server that was away for a while has asked for them.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
select orrery.news_add('grid', 'aldra-1', '{"n":1}', 't');
select orrery_test.clock_advance('3000 s');
select orrery.news_add('grid', 'aldra-1', '{"n":2}', 't');
select orrery.tick_purge();
select is((select count(*) from orrery.world_news), 2::bigint, 'kept for a while');
select orrery_test.clock_advance('601 s');
select orrery.tick_purge();
select is(orrery_test.answer(:grid, 'server_sync', '''[]'', 0') -> 'news', '[{"number":2,"body":{"n":2}}]', 'the old are gone');
select is(orrery_test.answer(:grid, 'server_start_info') -> 'news_number', '2', 'their number is not given again');
select orrery_test.clock_advance('3600 s');
update orrery.setting set value = 100 where name = 'purge_rows_max';
select orrery.news_add('grid', 'aldra-1', '{}', 't') from generate_series(1, 150);
select orrery_test.clock_advance('3601 s');
select isnt(orrery.tick_purge(), null, 'more is due');
select is((select count(*) from orrery.world_news), 51::bigint, 'so many at once');
select is(orrery.tick_purge(), null, 'nothing is left');
select is((select count(*) from orrery.world_news), 0::bigint, 'then the rest');
select * from finish();
rollback;

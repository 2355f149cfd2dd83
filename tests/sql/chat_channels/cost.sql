-- Catches a session whose channels are looked for among everybody's: the cost of who moves would grow with who there is.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a from orrery_test.chat_up() \gset
select orrery_test.chatter(:login, :a, 'Ann') as ann \gset
insert into orrery.chat_channel (cluster, kind, name, owner_id, created_at)
select 't', 'direct', 1000000 + n, c.character_id, now() from generate_series(1, 2000) n, orrery."character" c where c.name = 'Ann';
select orrery_test.chat_one('chat_channels', :ann, '{}');
select pg_stat_get_xact_tuples_fetched('orrery.chat_channel'::regclass) as before \gset
select orrery_test.chat_one('chat_channels', :ann, '{}');
select cmp_ok(pg_stat_get_xact_tuples_fetched('orrery.chat_channel'::regclass) - :before, '<', 20::bigint, 'a few of 2,000 channels are read');
select * from finish();
rollback;

-- Catches commands that are kept for ever, that go with their session all at once, however many they are, or before anybody could ask again.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'grid', 'aldra-1') as grid \gset
select (orrery_test.playing(:grid, orrery_test.character_made(n, 'grid', 'aldra-1')) ->> 'session_id')::bigint as session_id into temp table s from unnest(array['Ann', 'Bea']) n;
select min(session_id) as ann, max(session_id) as bea from s \gset
insert into orrery.session_command (session_id, id, cluster, name, args, result, made_at)
select session_id, n, 't', 'mine', '{}', '{}', orrery.clock() from s, generate_series(1, 250) n;
update orrery.setting set value = 100 where name = 'purge_rows_max';
update orrery.setting set value = 1800 where name = 'ended_kept_s';
update orrery.session set state = 'ended', rule = 'test' where session_id = :ann;
update orrery.session set state_at = orrery.clock() where session_id = :ann;
select orrery.tick_purge();
select is((select count(*) from orrery.session_command), 500::bigint, 'as long as its session is kept');
select orrery_test.clock_advance('1801 s');
select isnt(orrery.tick_purge(), null, 'more is due');
select is((select count(*) from orrery.session_command where session_id = :ann), 150::bigint, 'so many at once');
select is((select count(*) from orrery.session where session_id = :ann), 1::bigint, 'their session after them');
select orrery.tick_purge(), orrery.tick_purge();
select is((select array_agg(distinct session_id) from orrery.session_command), array[:bea]::bigint[], 'then the rest');
select is((select count(*) from orrery.session where session_id = :ann), 0::bigint, 'and it');
select is((select count(*) from orrery.session_command), 250::bigint, 'who plays keeps his');
select orrery_test.clock_advance('1800 s');
select isnt(orrery.tick_purge(), null, 'until nobody asks for them any more');
select is((select count(*) from orrery.session_command), 150::bigint, 'so many at once');
select orrery.tick_purge(), orrery.tick_purge();
select is((select count(*) from orrery.session_command), 0::bigint, 'then all');
select is((select count(*) from orrery.session where session_id = :bea), 1::bigint, 'he plays on');
select * from finish();
rollback;

-- Catches servers or their placements that are not held when sessions are locked.
begin;
set local client_min_messages = warning;
select plan(4);
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as a, orrery_test.server_made('t', 'chat', 'main') as b, orrery_test.server_made('t', 'grid', 'other') as c \gset
create function pg_temp.held() returns text[] language sql as $$
  select array_agg(s.kind order by s.kind) from orrery.server s join orrery.placement p using (server_id) where s.cluster = 't' and s.xmax <> '0' and p.xmax <> '0'
$$;
select is(pg_temp.held(), null, 'nothing is locked yet');
select lives_ok('select orrery.servers_lock(null), orrery.servers_lock(''{}'')', 'none is no mistake');
select is(pg_temp.held(), null, 'and locks nothing');
select orrery.servers_lock(array[:b, :a]);
select is(pg_temp.held(), '{chat,login}', 'servers and placements');
select * from finish();
rollback;

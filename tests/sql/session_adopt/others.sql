-- Catches an adoption by the wrong server, or of those whom nobody may have.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'a', 'grid', 'aldra-1'), orrery_test.played(:login, 'b', 'station', 'aldra-gate'), orrery_test.played(:login, 'late', 'grid', 'aldra-1');
select orrery_test.server_made('t', 'grid', 'velo-2') as velo \gset
select orrery_test.died(:station), orrery_test.died(:grid);
create function pg_temp.states() returns jsonb language sql as $$ select jsonb_object_agg(name, state) from orrery_test.player join orrery.session using (session_id) $$;
select is(orrery.session_adopt(:velo), 0, 'another place');
select is(orrery.session_adopt(:velo, array(select session_id from orrery.session)), 0, 'even if they are named');
select is(orrery.session_adopt(:login, array(select session_id from orrery.session)), 0, 'another kind');
select is(orrery.session_adopt(:grid), 0, 'one that is not READY');
select is(orrery.session_adopt(-1), 0, 'none at all');
update orrery.session set token_expires_at = orrery.clock() - interval '1 s' where session_id = (select session_id from orrery_test.player where name = 'late');
select orrery_test.back(:grid);
select is(pg_temp.states(), '{"a":"playing","b":"orphaned","late":"orphaned"}', 'its own, whose token has not run out');
select orrery.tick_idle();
select is(pg_temp.states(), '{"a":"playing","b":"orphaned","late":"ended"}', 'the tick ends what nobody may have');
-- the same place, another row: its server was given up
update orrery.server set state = 'failed', rule = 'test', reason = 'test' where server_id = :station;
update orrery.server set state = 'stopped', rule = 'test' where server_id = :station;
select orrery_test.server_made('t', 'station', 'aldra-gate', 'starting') as next \gset
select orrery.server_ready(:next, (select epoch from orrery.server where server_id = :next), 1);
select is((select (server_id, state)::text from orrery.session join orrery_test.player using (session_id) where name = 'b'), format('(%s,playing)', :next), 'who comes after a predecessor of another number');
-- another cluster's place has the same name
select orrery_test.cluster_running('u');
select orrery_test.died(:next), orrery_test.server_made('u', 'station', 'aldra-gate', 'starting') as elsewhere \gset
select orrery.server_ready(:elsewhere, (select epoch from orrery.server where server_id = :elsewhere), 1);
select is(pg_temp.states() ->> 'b', 'orphaned', 'in another cluster it is another place');
select * from finish();
rollback;

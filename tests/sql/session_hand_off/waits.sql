-- Catches a session that is changed though its target is not ready, a target that nobody asks for, or a request where there is no place.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'pat', 'grid', 'aldra-1', '{"hull":9}') as s \gset
create temp table before as select s, c from orrery.session s join orrery.character c using (character_id);
select orrery_test.handed(:grid, 'pat', 'grid', 'velo-2') as a \gset
select is(:'a'::jsonb, '{"status":"waiting","reason":"grid velo-2 is requested"}', 'it waits');
select is((select array_agg(state) from orrery.server where cluster = 't' and kind = 'grid' and key = 'velo-2'), array['requested'], 'its server is asked for');
select is(orrery_test.handed(:grid, 'pat', 'grid', 'velo-2'), :'a'::jsonb, 'asked again');
select is((select count(*) from orrery.server where cluster = 't' and kind = 'grid' and key = 'velo-2'), 1::bigint, 'once');
select server_id as velo from orrery.server where cluster = 't' and kind = 'grid' and key = 'velo-2' \gset
update orrery.server s set state = 'starting', agent_id = orrery_test.agent_made(), on_isolation = 'stop', token_hash = sha256(convert_to(orrery_test.token_of(:velo), 'UTF8')) where server_id = :velo;
select is(orrery_test.handed(:grid, 'pat', 'grid', 'velo-2') ->> 'reason', 'grid velo-2 is starting', 'it starts');
select set_eq('select s, c from orrery.session s join orrery.character c using (character_id)', 'select * from before', 'and the session is as it was, in play');
select is((select count(*) from orrery.event where rule = 'session_hand_off'), 0::bigint, 'no event');
select is(orrery_test.handed(:grid, 'pat', 'station', 'aldra-gate') ->> 'status', 'ready', 'another place may be chosen instead');
update orrery_test.player set epoch = (select epoch from orrery.session where session_id = :s);
update orrery.server set state = 'ready' where server_id = :velo;
select is(orrery_test.handed(:station, 'pat', 'grid', 'velo-2') #>> '{owner,server_id}', :'velo', 'when it is ready it is handed over');
update orrery_test.player set epoch = (select epoch from orrery.session where session_id = :s);
update orrery.server set state = 'stopping' where server_id = :grid;
select is(orrery_test.handed(:velo, 'pat', 'grid', 'aldra-1') ->> 'reason', 'grid aldra-1 is stopping', 'what stops is not ready');
select * from finish();
rollback;

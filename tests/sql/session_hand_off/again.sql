-- Catches a hand-off whose answer was lost and that is not answered the same, or done twice.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'pat', 'grid', 'aldra-1') as s \gset
select orrery_test.handed(:grid, 'pat', 'station', 'aldra-gate') as a \gset
create temp table before as select s, c from orrery.session s join orrery.character c using (character_id);
select is(orrery_test.handed(:grid, 'pat', 'station', 'aldra-gate'), :'a'::jsonb, 'asked again under the old epoch, the same');
select is(orrery_test.handed(:grid, 'pat', 'station', 'aldra-gate', '{"state":{"other":1}}'), :'a'::jsonb, 'whatever the state is by now');
select orrery_test.took(:station, 'owner');
select is(orrery_test.handed(:grid, 'pat', 'station', 'aldra-gate'), :'a'::jsonb, 'when it has arrived too');
update orrery.session set taken = false;
select set_eq('select s, c from orrery.session s join orrery.character c using (character_id)', 'select * from before', 'nothing changed by asking');
select is((select count(*) from orrery.event where rule = 'session_hand_off'), 1::bigint, 'one hand-off');
select orrery_test.server_made('t', 'grid', 'aldra-2') as other \gset
select throws_ok(format('select orrery_test.handed(%s, ''pat'', ''grid'', ''aldra-2'')', :grid), 'OR007', null, 'to another place it cannot go any more');
select throws_ok(format('select orrery_test.handed(%s, ''pat'', ''station'', ''aldra-gate'')', :other), 'OR007', null, 'another server has not handed it');
update orrery_test.player set epoch = (:'a'::jsonb #>> '{owner,epoch}')::bigint;
select orrery_test.handed(:station, 'pat', 'grid', 'aldra-2') as b \gset
update orrery_test.player set epoch = epoch - 1;
select throws_ok(format('select orrery_test.handed(%s, ''pat'', ''station'', ''aldra-gate'')', :grid), 'OR007', null, 'it has gone on meanwhile');
select * from finish();
rollback;

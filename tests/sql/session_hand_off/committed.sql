-- Catches a hand-off that is not whole: owner, epoch, place, state, chat, what each server is told, the event.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, 'pat', 'grid', 'aldra-1', '{"hull":9}') as s \gset
select epoch as e, character_id as c from orrery_test.player \gset
select orrery_test.took(:chat, 'chat');
select epoch as chat_epoch from orrery.attachment where session_id = :s \gset
select is(orrery_test.answer(:chat, 'server_sync') -> 'arrivals', '[]', 'chat knows him');
select orrery_test.handed(:grid, 'pat', 'station', 'aldra-gate', '{"state":{"dock":3}}') as a \gset
select is(:'a'::jsonb ->> 'status', 'ready', 'ready');
select is((select (server_id, state, character_id, taken, rule, release_at)::text from orrery.session where session_id = :s),
  format('(%s,playing,%s,f,session_hand_off,)', :station, :c), 'its owner is the station');
select cmp_ok((select epoch from orrery.session where session_id = :s), '>', :e::bigint, 'under an epoch that has grown');
select is((select (kind, key, state)::text from orrery.character where character_id = :c), '(station,aldra-gate,"{""dock"": 3}")', 'the character is there, as it was handed over');
select is((select payload from orrery.session where session_id = :s), jsonb_build_object('from', jsonb_build_object('server_id', :grid, 'epoch', :e), 'state', '{"dock":3}'::jsonb),
  'who handed it, and what');
select is(:'a'::jsonb, orrery.session_targets(v, array[:s]) -> :'s', 'what session_targets says, with the grid''s keys') from orrery.server v where server_id = :grid;
select is((:'a'::jsonb #>> '{owner,server_id}')::bigint, :station::bigint, 'the station');
select is(:'a'::jsonb #> '{chat,epoch}', to_jsonb(:chat_epoch::bigint), 'chat as before, under its epoch');
select is(orrery_test.answer(:station, 'server_sync') -> 'arrivals', (select jsonb_build_array(jsonb_build_object('session_id', s.session_id,
  'epoch', s.epoch, 'role', 'owner', 'key', encode(orrery.session_key(x.root, s.session_id, :station, s.epoch), 'hex'), 'account_id', s.account_id,
  'character_id', :c, 'name', 'Pat', 'state', '{"dock":3}'::jsonb)) from orrery.session s join orrery.session_secret x using (session_id) where session_id = :s),
  'the station is told of the arrival, with a key of its own and the state');
select is(orrery_test.answer(:grid, 'server_sync') - 'arrivals', '{"ended":[],"release":[]}', 'the grid has nothing to end');
select is((select jsonb_agg(a - '{key,name,state,account_id,character_id}'::text[]) from jsonb_array_elements(orrery_test.answer(:chat, 'server_sync') -> 'arrivals') a),
  jsonb_build_array(jsonb_build_object('session_id', :s, 'epoch', :chat_epoch, 'role', 'chat', 'place', '{"kind":"station","key":"aldra-gate"}'::jsonb)), 'chat hears of the place');
select is((select jsonb_agg(jsonb_build_array(from_state, to_state, rule, reason)) from orrery.event where noun = 'session' and noun_id = :'s' and rule = 'session_hand_off'),
  jsonb_build_array(jsonb_build_array(null, null, 'session_hand_off', format('Pat handed to server %s, station aldra-gate', :station))), 'one event, of no change of state');
-- and on
update orrery_test.player set epoch = (:'a'::jsonb #>> '{owner,epoch}')::bigint;
select is(orrery_test.handed(:station, 'pat', 'grid', 'aldra-1') #>> '{owner,server_id}', :'grid', 'back again');
select is((select count(distinct e) from (select epoch as e from orrery.session union all select :e union all select (:'a'::jsonb #>> '{owner,epoch}')::bigint) x), 3::bigint,
  'each time another epoch');
select * from finish();
rollback;

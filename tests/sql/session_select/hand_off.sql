-- Catches a hand-off that is not whole: owner, epoch, state, attachment and what each server is told.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
update orrery.character set state = '{"x":5}' where character_id = :one;
select orrery_test.selected(:login, :s, :e, :one) as a \gset
select is(:'a'::jsonb ->> 'status', 'ready', 'ready');
select is((select (server_id, state, character_id, taken)::text from orrery.session where session_id = :s), format('(%s,playing,%s,f)', :grid, :one), 'its owner is the grid');
select ok((select epoch > :e from orrery.session where session_id = :s), 'under a new epoch');
select is(:'a'::jsonb -> 'owner', (select jsonb_build_object('server_id', v.server_id, 'server_epoch', v.epoch, 'kind', 'grid', 'key', 'aldra-1',
  'epoch', s.epoch, 'public_host', v.public_host, 'public_port', v.public_port, 'private_host', v.private_host, 'private_port', v.private_port,
  'link_key', encode(orrery.link_key(orrery.link_root(c.link_secret, v.server_id, v.epoch), l.server_id, l.epoch), 'hex'))
  from orrery.session s join orrery.server v using (server_id) join orrery.cluster_secret c on c.cluster = 't', orrery.server l
  where s.session_id = :s and l.server_id = :login), 'the target, with the key from login to grid');
select is((:'a'::jsonb -> 'chat' ->> 'server_id')::bigint, :chat::bigint, 'and the chat server');
select is(orrery_test.answer(:grid, 'server_sync') -> 'arrivals', (select jsonb_build_array(jsonb_build_object('session_id', s.session_id,
  'epoch', s.epoch, 'role', 'owner', 'key', encode(orrery.session_key(x.root, s.session_id, :grid, s.epoch), 'hex'), 'account_id', :pat,
  'character_id', :one, 'name', 'Pat One', 'state', '{"x":5}'::jsonb)) from orrery.session s join orrery.session_secret x using (session_id) where session_id = :s),
  'the grid is told of the arrival, with its key and what was saved');
select is(orrery_test.answer(:chat, 'server_sync') #>> '{arrivals,0,role}', 'chat', 'chat is told too');
select isnt(orrery_test.answer(:chat, 'server_sync') #>> '{arrivals,0,key}', orrery_test.answer(:grid, 'server_sync') #>> '{arrivals,0,key}', 'with another key');
select is(orrery_test.selected(:login, :s, :e, :one), :'a'::jsonb, 'asked again, the same answer');
select is((select count(*)::int from orrery.event where noun = 'session' and noun_id = :'s' and to_state = 'playing'), 1, 'and one hand-off');
select throws_ok(format('select orrery_test.selected(%s, %s, %s, %s)', :login, :s, :e, :two), 'OR007', null, 'no second one, to another place');
select * from finish();
rollback;

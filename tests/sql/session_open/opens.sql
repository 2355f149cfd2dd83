-- Catches a login that is not recorded, or whose client does not get what it needs to go on.
begin;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.account_made('t', 'pat') as pat \gset
select orrery.character_create('pat', 'Pat One', 'grid', 'aldra-1', 't') as one, orrery.character_create('pat', 'Pat Two', 'grid', 'velo-2', 't') as two \gset
select a ->> 'session_id' as s, a ->> 'epoch' as e, a as opened from orrery_test.opened(:login, :pat, '192.0.2.9:1') a \gset
select is((select (server_id, state, taken)::text from orrery.session where session_id = :s), format('(%s,selecting,t)', :login), 'owned by its login server');
select is(:'opened'::jsonb ->> 'root', (select encode(root, 'hex') from orrery.session_secret where session_id = :s), 'the root secret');
select is((select resolve_key from orrery.session_secret where session_id = :s), orrery.hmac_sha256('orrery/1 resolve', decode(:'opened'::jsonb ->> 'root', 'hex')), 'and what is kept of it');
select is(:'opened'::jsonb #> '{characters,0}', jsonb_build_object('character_id', :one, 'name', 'Pat One', 'kind', 'grid', 'key', 'aldra-1',
  'details', '{"skills":{},"training":null}'::jsonb), 'characters with the details the game adds');
select is(jsonb_array_length(:'opened'::jsonb -> 'characters'), 2, 'both of them');
select is((select reason from orrery.event where noun = 'session' and noun_id = :'s'), 'pat logged in from 192.0.2.9:1', 'an event in words');
select ok((select s.epoch > v.epoch from orrery.session s join orrery.server v using (server_id) where s.session_id = :s), 'epochs grow');
select * from finish();
rollback;

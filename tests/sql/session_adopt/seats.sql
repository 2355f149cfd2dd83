-- Catches more players at a replacement than it has seats, or one who never gets the seat that another leaves.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery_test.server_made('t', 'login', 'main') as login, orrery_test.server_made('t', 'chat', 'main') as chat,
  orrery_test.server_made('t', 'grid', 'aldra-1') as grid, orrery_test.server_made('t', 'station', 'aldra-gate') as station \gset
select orrery_test.played(:login, n, 'grid', 'aldra-1') from unnest(array['a', 'b', 'c']) n;
select orrery_test.died(:grid);
update orrery.server_kind set sessions_max = 2 where cluster = 't' and kind = 'grid';
select orrery_test.back(:grid);
create function pg_temp.states() returns jsonb language sql as $$ select jsonb_object_agg(name, state) from orrery_test.player join orrery.session using (session_id) $$;
select is(pg_temp.states(), '{"a":"playing","b":"playing","c":"orphaned"}', 'as many as there are seats, in the order in which they came');
select is(orrery.session_adopt(:grid), 0, 'no third');
create function pg_temp.resolves(p_login bigint, p_name text) returns jsonb language sql as $$
  select orrery_test.one(p_login, 'session_resolve', jsonb_build_object('address', '192.0.2.9:1', 'session_id', session_id, 'handshake_hash', repeat('5a', 64),
    'proof', encode(orrery.hmac_sha256(decode(repeat('5a', 64), 'hex'), orrery.hmac_sha256('orrery/1 resolve', decode(root, 'hex'))), 'hex'))) from orrery_test.player where name = p_name $$;
select is(pg_temp.resolves(:login, 'c') ->> 'status', 'waiting', 'he waits');
select is(pg_temp.states() ->> 'c', 'orphaned', 'with no seat');
select orrery_test.answer(:grid, 'session_end', quote_literal(jsonb_build_array(jsonb_build_object('session_id', session_id, 'epoch', s.epoch, 'reason', 'logout'))))
from orrery_test.player join orrery.session s using (session_id) where name = 'a';
select is(pg_temp.resolves(:login, 'c') #>> '{owner,server_id}', :'grid', 'when one is left he has it, as he asks');
select is(pg_temp.states(), '{"a":"ended","b":"playing","c":"playing"}', 'and plays');
select is((select rule from orrery.session join orrery_test.player using (session_id) where name = 'c'), 'session_adopt', 'by the same rule');
select * from finish();
rollback;

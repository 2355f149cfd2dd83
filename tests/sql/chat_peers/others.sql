-- Catches a chat server that is told to speak to itself, or under a key that does not open.
begin;
set local client_min_messages = warning;
select no_plan();
select login, chat_a as a, chat_b as b, grid from orrery_test.chat_up() \gset
select orrery_test.answer(:a, 'chat_peers') as peers \gset
select is(jsonb_array_length(:'peers'), 1, 'one other');
select is(:'peers'::jsonb #>> '{0,server_id}', :'b', 'it');
select is(:'peers'::jsonb #>> '{0,link_key}', encode(orrery.link_key(orrery.link_root(c.link_secret, b.server_id, b.epoch), a.server_id, a.epoch), 'hex'), 'the key of this pair')
from orrery.server a, orrery.server b, orrery.cluster_secret c where a.server_id = :a and b.server_id = :b and c.cluster = 't';
update orrery.server set state = 'stopping' where server_id = :b;
select is(orrery_test.answer(:a, 'chat_peers'), '[]', 'none that is not ready');
select throws_ok(format('select orrery.chat_peers(%s)', orrery_test.me(:grid)), 'OR004', null, 'not for a zone');
select * from finish();
rollback;

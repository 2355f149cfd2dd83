-- Catches a target that cannot be reached: another's address, an old epoch, or a link key that the target does not compute.
begin;
set local client_min_messages = warning;
select plan(5);
select orrery_test.cluster_running('t');
select orrery_test.cluster_running('u');
select orrery_test.server_made('t', 'login', 'main') as source, orrery_test.server_made('t', 'grid', 'aldra-1') as target \gset
select orrery.server_target(s, :target, 77) as answer from orrery.server s where s.server_id = :source \gset
select is(:'answer'::jsonb - 'link_key', jsonb_build_object('server_id', s.server_id, 'server_epoch', s.epoch, 'kind', 'grid', 'key', 'aldra-1', 'epoch', 77,
  'public_host', s.public_host, 'public_port', s.public_port, 'private_host', s.private_host, 'private_port', s.private_port), 'address and epochs') from orrery.server s where s.server_id = :target;
-- As docs/control.md says, from what the target is given at its start and what the source says of itself.
select is(:'answer'::jsonb ->> 'link_key', encode(orrery.hmac_sha256(int8send(s.server_id) || int8send(s.epoch),
    decode(orrery_test.answer(:target, 'server_start_info') ->> 'link_root', 'hex')), 'hex'), 'the key that the target computes')
from orrery.server s where s.server_id = :source;
update orrery.server set epoch = orrery.epoch_next() where server_id = :source;
select isnt(orrery.server_target(s, :target, 77) ->> 'link_key', :'answer'::jsonb ->> 'link_key', 'another epoch of the source, another key') from orrery.server s where s.server_id = :source;
update orrery.server set epoch = orrery.epoch_next() where server_id = :target;
select isnt(orrery.server_target(s, :target, 77) ->> 'server_epoch', :'answer'::jsonb ->> 'server_epoch', 'the target''s present epoch') from orrery.server s where s.server_id = :source;
select is((select orrery.server_target(s, -1, 77) from orrery.server s where s.server_id = :source), null, 'an unknown target');
select * from finish();
rollback;

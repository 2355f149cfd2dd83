-- Catches a kind that is not shown as it is, or a server that is counted twice or not; and a spec that is not what server_kind_set takes.
begin;
set local client_min_messages = warning;
select no_plan();
select orrery_test.cluster_running('t');
select orrery.server_kind_set('arena', '{"command":"arena","ports":[{"name":"game","protocol":"udp"},{"name":"rcon","protocol":"tcp","count":3}]}', 't');
select is((select (role, command, ports, ready_by, policy, version)::text from orrery.kind_status where cluster = 't' and kind = 'arena'),
  ('other'::text, 'arena'::text, 'game udp, rcon tcp x3'::text, 'notify'::text, 'orrery.placement_spread'::text, 1)::text, 'what it is');
insert into orrery.server (cluster, kind, key, epoch, state, rule, reason, state_at, requested_at, try_at)
select 't', 'arena', 'k' || n, orrery.epoch_next(), 'requested', 'test', 'test', orrery.clock(), orrery.clock(), orrery.clock() from generate_series(1, 3) n;
select orrery.server_stop((select server_id from orrery.server where cluster = 't' and key = 'k3'));
select is((select (requested, starting, ready, stopping, failed)::text from orrery.kind_status where cluster = 't' and kind = 'arena'), '(2,0,0,0,0)', 'servers by state, none that is stopped');
select orrery.server_kind_set('arena', (select spec from orrery.kind_status where cluster = 't' and kind = 'arena'), 't');
select is((select version from orrery.kind_status where cluster = 't' and kind = 'arena'), 1::bigint, 'its spec changes nothing');
select orrery.server_kind_set('bare', '{"command":"bare","ports":[]}', 't');
select is((select (ports, requested)::text from orrery.kind_status where cluster = 't' and kind = 'bare'), '(,0)', 'without ports, without servers');
select * from finish();
rollback;
